"""What an archive brings back: with room for everything, a stream that never forgets."""

from dataclasses import replace

import pytest
import torch

from vidcache import (
    ArchiveConfig,
    BlockPool,
    CameraHead,
    HeadConfig,
    HeadState,
    HeavyHitter,
    LogSpaced,
    SinkWindow,
    SlidingWindow,
    TimeWindow,
)
from vidcache.cache import DenseStorage

FRAMES = 30
EVERYTHING = ArchiveConfig(block_size=3, retrieve_blocks=100, host_bytes=1 << 20)
POLICIES = (
    SlidingWindow(1),
    SlidingWindow(4),
    SinkWindow(3, sink_frames=2),
    TimeWindow(seconds=0.8, max_frames=6),
    LogSpaced(2, levels=2),
    HeavyHitter(budget=5, recent=2),
)


def make_heads(policy, dtype=torch.float64, **settings):
    """A head, and one of the same weights that never forgets."""
    torch.manual_seed(0)
    settings = {"num_iterations": 2, "depth": 2, "num_tokens": 2, "rollback_margin": 3, **settings}
    config = HeadConfig(6, 16, num_heads=2, num_outputs=3, layer_scale=1.0, **settings)
    unforgetting = CameraHead(replace(config, eviction=SlidingWindow(100)))
    for parameter in unforgetting.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    head = CameraHead(replace(config, eviction=policy))
    head.load_state_dict(unforgetting.state_dict())
    return head.to(dtype), unforgetting.to(dtype)


def make_clip(head, rows=2, num_frames=FRAMES, seed=1):
    generator = torch.Generator().manual_seed(seed)
    shape = (rows, num_frames, head.config.num_tokens, head.config.in_features)
    features = torch.randn(shape, generator=generator, dtype=torch.float64)
    gaps = torch.rand(rows, num_frames, generator=generator, dtype=torch.float64)
    return features.to(head.modulation.weight.dtype), gaps.cumsum(dim=1) * 0.4


def stream(head, clip, state, start=0, end=FRAMES):
    features, seconds = (part[:, start:end] for part in clip)
    return head.step(features, state, seconds).prediction


def clip_of(head, clip):
    with torch.no_grad():
        return head(*clip).prediction


def error(result, expected):
    return float((result - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("scope", ["iteration", "first_iteration"])
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_with_all_blocks_retrieved_the_stream_is_the_clip_that_never_forgets(policy, scope):
    for positions, tokens, margin, size in (
        ("index", 1, 0, 1),
        ("seconds", 2, 3, 3),
        ("none", 2, 0, 8),
        ("index", 1, 5, 4),
    ):
        head, unforgetting = make_heads(
            policy,
            cache_scope=scope,
            positions=positions,
            num_tokens=tokens,
            rollback_margin=margin,
        )
        clip = make_clip(head)
        state = head.init_state(2, archive=replace(EVERYTHING, block_size=size))
        result = torch.cat(
            [stream(head, clip, state, 0, 13), stream(head, clip, state, 13, 14),
             stream(head, clip, state, 14)], dim=1,
        )  # fmt: skip
        assert state.stats().archive.appended > 10
        assert error(result, clip_of(unforgetting, clip)) < 1e-10


def test_rows_at_different_frames_see_their_own_archives():
    head, unforgetting = make_heads(SinkWindow(3, 1))
    clip = make_clip(head, rows=3)
    state = head.init_state(3, archive=EVERYTHING)
    stream(head, clip, state, 0, 9)
    state.reset(rows=[1])
    stream(head, clip, state, 9, 14)
    state.reset(rows=[2])
    result = stream(head, clip, state, 14)
    for row, start in enumerate((0, 9, 14)):
        alone = tuple(part[row : row + 1, start:] for part in clip)
        expected = clip_of(unforgetting, alone)[:, 14 - start :]
        assert error(result[row : row + 1], expected) < 1e-10


def test_frames_that_are_taken_back_were_never_archived():
    head, unforgetting = make_heads(SinkWindow(3, 1), rollback_margin=4)
    clip, detour = make_clip(head), make_clip(head, seed=9)[0]
    state = head.init_state(2, archive=EVERYTHING)
    results = []
    for start, end, wrong in ((0, 3, 2), (3, 9, 4), (9, 20, 1), (20, 21, 4), (21, 30, 3)):
        results.append(stream(head, clip, state, start, end))
        head.step(detour[:, :wrong], state, clip[1][:, end - 1 : end].expand(-1, wrong))
        state.rollback(wrong)
    assert error(torch.cat(results, dim=1), clip_of(unforgetting, clip)) < 1e-10


def test_a_step_that_fails_on_its_way_archives_nothing_twice(monkeypatch):
    head, unforgetting = make_heads(SlidingWindow(2), rollback_margin=0)
    clip = make_clip(head)
    state = head.init_state(2, archive=EVERYTHING)
    result = [stream(head, clip, state, 0, 10)]
    write_frame = DenseStorage.write_frame

    def fails(self, lane, *rest):
        if lane == 2:
            raise MemoryError
        write_frame(self, lane, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(DenseStorage, "write_frame", fails)
        for _ in range(2):
            with pytest.raises(MemoryError):
                stream(head, clip, state, 10, 11)
    result.append(stream(head, clip, state, 10))
    assert error(torch.cat(result, dim=1), clip_of(unforgetting, clip)) < 1e-10
    assert state.stats().archive.appended == 2 * (FRAMES - 2)


def test_until_a_frame_is_shown_that_the_mask_hides_the_stream_is_exact():
    head, _ = make_heads(SinkWindow(4, 1), rollback_margin=2)
    clip = make_clip(head)
    state, plain = head.init_state(2, archive=EVERYTHING), head.init_state(2)
    for frame in range(7):
        exact = torch.equal(*(stream(head, clip, s, frame, frame + 1) for s in (state, plain)))
        assert exact == (frame < 5)
        assert state.inexact_since == ((None, None) if exact else (5, 5))
    state.rollback(2)
    assert state.inexact_since == (None, None)
    assert plain.stats().archive is None


@pytest.mark.parametrize("formats", [("int8", "fp8"), ("bf16", None)])
def test_an_archive_keeps_what_the_format_made_of_a_frame(formats):
    head, unforgetting = make_heads(SlidingWindow(3))
    clip = make_clip(head)
    key, value = formats
    state = head.init_state(2, key_format=key, value_format=value, archive=EVERYTHING)
    expected = unforgetting.init_state(2, key_format=key, value_format=value)
    everything = stream(unforgetting, clip, expected)
    assert error(stream(head, clip, state), everything) < 1e-10


def test_paged_streams_archive_as_dense_ones_do():
    head, _ = make_heads(SinkWindow(4, 1), torch.float32)
    clip = make_clip(head, rows=1)
    archive = replace(EVERYTHING, retrieve_blocks=2)
    dense = head.init_state(archive=archive)
    paged = head.init_state(pool=BlockPool(head.config, block_size=3), archive=archive)
    stream(head, clip, dense, 0, 15)
    stream(head, clip, paged, 0, 15)
    twin = paged.fork()
    expected = stream(head, clip, dense, 15)
    assert torch.equal(stream(head, clip, paged, 15), expected)
    assert torch.equal(stream(head, clip, twin, 15), expected)


class TestRows:
    """Few blocks are retrieved here, so that each state must find the same ones by itself."""

    FEW = ArchiveConfig(block_size=2, retrieve_blocks=2, host_bytes=1 << 20)

    def begun(self, policy=SinkWindow(3, 1)):  # noqa: B008
        head, _ = make_heads(policy)
        clip = make_clip(head, rows=3)
        state = head.init_state(3, archive=self.FEW)
        stream(head, clip, state, 0, 16)
        return head, clip, state

    @pytest.mark.parametrize("policy", [SinkWindow(3, 1), HeavyHitter(budget=5, recent=2)])
    def test_forks_live_alone(self, policy):
        head, clip, state = self.begun(policy)
        other = make_clip(head, rows=3, seed=7)[0], clip[1]
        twin, third = state.fork(), state.fork()
        detour = stream(head, other, twin, 16)
        expected = stream(head, clip, state, 16)
        assert torch.equal(stream(head, clip, third, 16), expected)
        assert error(detour, expected) > 1e-3

    def test_rows_are_split_off_merged_and_exchanged(self):
        head, clip, state = self.begun()
        expected = stream(head, clip, state.fork(), 16)
        first, others = state.select([0]), state.select([2, 1])
        merged = HeadState.merge([others, first])
        swapped = tuple(part[[2, 1, 0]] for part in clip)
        torch.testing.assert_close(
            stream(head, swapped, merged.fork(), 16), expected[[2, 1, 0]], rtol=1e-10, atol=1e-12
        )
        running = head.init_state(3, archive=self.FEW)
        stream(head, make_clip(head, rows=3, seed=5), running, 0, 11)
        running.insert([0, 1, 2], merged.select([2, 1, 0]))
        torch.testing.assert_close(
            stream(head, clip, running, 16), expected, rtol=1e-10, atol=1e-12
        )
        taken = state.extract([1])
        assert taken.stats().archive.appended > 0
        assert state.select([1]).stats().archive.appended == 0

    def test_a_saved_state_goes_on_to_the_bit(self, tmp_path):
        head, clip, state = self.begun()
        state.save(tmp_path / "state")
        loaded = HeadState.load(tmp_path / "state", head)
        assert torch.equal(stream(head, clip, loaded, 16), stream(head, clip, state, 16))

    def test_states_made_in_inference_mode_go_on_outside_of_it(self, tmp_path):
        head, clip, _ = self.begun()
        archive = replace(self.FEW, host_bytes=1 << 16, disk_bytes=1 << 15, folder=tmp_path)
        with torch.inference_mode():
            state = head.init_state(3, archive=archive)
            stream(head, clip, state, 0, 16)
            state.save(tmp_path / "state")
            states = [state, state.fork(), HeadState.load(tmp_path / "state", head)]
            merged = HeadState.merge([state.select([0]), state.select([1, 2])])
            expected = stream(head, clip, merged, 16)
        for made in states:
            result = stream(head, clip, made, 16)
            torch.testing.assert_close(result, expected, rtol=1e-10, atol=1e-12)
        assert state.stats().archive.disk_blocks > 0

    def test_a_copy_in_another_type_keeps_its_archive(self):
        head, clip, state = self.begun()
        smaller = state.to(dtype=torch.float32)
        assert smaller.stats().archive.host_blocks == state.stats().archive.host_blocks
        result = stream(head, clip, smaller, 16)
        assert error(result, stream(head, clip, state, 16)) < 1e-4
