import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from vidcache import CameraHead, HeadConfig, HeadState, SinkWindow, SlidingWindow
from vidcache.errors import FingerprintError, InputError, StateError

CONFIG = HeadConfig(
    in_features=8, width=16, depth=2, num_heads=2, num_iterations=3, num_outputs=3,
    num_tokens=2, eviction=SinkWindow(window=4, sink_frames=1),
)  # fmt: skip


@pytest.fixture
def head():
    torch.manual_seed(0)
    return CameraHead(CONFIG)


def features(rows, frames):
    return torch.randn(rows, frames, 2, 8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("scope", ["iteration", "first_iteration"])
def test_nbytes_is_what_the_config_predicts_and_never_grows(scope, dtype):
    config = replace(CONFIG, cache_scope=scope)
    head = CameraHead(config)
    state = head.init_state(batch_size=3, dtype=dtype)
    lanes = 6 if scope == "iteration" else 2
    expected = 2 * lanes * 3 * (5 + config.rollback_margin) * 2 * 16 * dtype.itemsize
    assert state.nbytes == expected == config.predict_nbytes(batch_size=3, dtype=dtype)
    for size in (1, 7, 30):
        head.step(features(3, size), state)
        assert state.nbytes == expected


def test_num_seen_and_num_cached_are_two_numbers(head):
    state = head.init_state(batch_size=2)
    head.step(features(2, 9), state)
    state.reset(rows=[1])
    head.step(features(2, 2), state)
    assert state.num_seen.tolist() == [11, 2]
    assert state.num_cached.tolist() == [5, 2]
    assert state.cached_frames(row=0) == [0, 7, 8, 9, 10]


def test_stats_count_what_came_and_left(head):
    state = head.init_state(batch_size=2)
    head.step(features(2, 9), state)
    stats = state.stats()
    assert (stats.appended, stats.num_cached, stats.evicted) == (18, 10, 8)
    assert stats.evicted_by == {"reach": 8, "score": 0}
    assert stats.nbytes_by_tier == {"slots": state.nbytes, "host": 0, "disk": 0}
    assert stats.occupancy == 1.0
    assert json.loads(json.dumps(stats.to_dict()))["policy"]["window"] == 4


def test_a_new_state_holds_nothing(head):
    state = head.init_state()
    assert state.cached_frames() == []
    assert state.stats().occupancy == 0.0


def test_rows_that_do_not_exist_are_refused(head):
    state = head.init_state(batch_size=2)
    for call in (
        lambda: state.reset(rows=[2]),
        lambda: state.rollback(0, rows=[-1]),
        lambda: state.cached_frames(row=5),
    ):
        with pytest.raises(InputError, match="of a state of 2 rows"):
            call()


def test_a_copy_in_another_dtype_goes_on(head):
    state = head.init_state()
    clip = features(1, 12)
    head.step(clip[:, :8], state)
    smaller = state.to(dtype=torch.bfloat16)
    assert smaller.nbytes * 2 == state.nbytes
    result = head.step(clip[:, 8:], smaller).prediction
    torch.testing.assert_close(result, head(clip).prediction[:, 8:], rtol=0.05, atol=0.05)


class TestFiles:
    def save(self, head, path):
        state = head.init_state(batch_size=2)
        head.step(features(2, 9), state)
        state.save(path)
        return path

    def test_another_head_is_refused_with_what_differs(self, head, tmp_path):
        path = self.save(head, tmp_path / "state")
        other = CameraHead(replace(CONFIG, num_iterations=2))
        with pytest.raises(FingerprintError, match="num_iterations 3 → 2"):
            HeadState.load(path, other)
        torch.manual_seed(1)
        with pytest.raises(FingerprintError, match="other weights"):
            HeadState.load(path, CameraHead(CONFIG))

    def test_other_files_and_newer_versions_are_refused(self, head, tmp_path):
        tensors = {"weight": torch.zeros(2)}
        save_file(tensors, tmp_path / "other")
        with pytest.raises(StateError, match="is no vidcache state"):
            HeadState.load(tmp_path / "other", head)
        save_file(tensors, tmp_path / "newer", {"format": "vidcache.state", "version": "9"})
        with pytest.raises(StateError, match="version 9"):
            HeadState.load(tmp_path / "newer", head)
        with pytest.raises(StateError, match="there is no state"):
            HeadState.load(tmp_path / "missing", head)

    def test_a_path_that_cannot_be_written_is_one_clear_error(self, head, tmp_path):
        with pytest.raises(StateError, match="cannot write the state"):
            head.init_state().save(tmp_path / "no" / "such" / "folder")


def test_config_survives_json():
    config = replace(CONFIG, eviction=SlidingWindow(9), positions="seconds")
    assert HeadConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
