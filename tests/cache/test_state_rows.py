from dataclasses import replace

import pytest
import torch

from vidcache import BlockPool, CameraHead, HeadConfig, HeadState, HeavyHitter, SinkWindow
from vidcache.errors import InputError, StateError

CONFIG = HeadConfig(
    in_features=6, width=16, depth=2, num_heads=2, num_iterations=2, num_outputs=4,
    layer_scale=1.0, eviction=SinkWindow(window=5, sink_frames=1), rollback_margin=3,
)  # fmt: skip
STORAGES = ("dense", "paged", "int8")
POLICIES = (CONFIG.eviction, HeavyHitter(budget=6, recent=3, sink_frames=1))
FRAMES = 24


def make_head(policy=CONFIG.eviction, **settings):
    torch.manual_seed(0)
    head = CameraHead(replace(CONFIG, eviction=policy, **settings))
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return head.double()


def init_state(head, storage, rows):
    if storage == "paged":
        pool = BlockPool(head.config, 1 << 20, 2, dtype=torch.float64)
        return head.init_state(rows, pool=pool)
    return head.init_state(rows, key_format="int8" if storage == "int8" else None)


def clips(rows):
    return torch.randn(rows, FRAMES, 6, generator=torch.Generator().manual_seed(1)).double()


def alone(head, storage, row):
    """What a stream gives that lives alone, a frame at a time."""
    state = init_state(head, storage, 1)
    frames = clips(4)[row : row + 1].split(1, dim=1)
    return torch.cat([head.step(frame, state).prediction for frame in frames], dim=1)[0]


def step(head, state, rows, at):
    """Steps each row by the frame that its stream is at."""
    frames = torch.stack([clips(4)[row, frame] for row, frame in zip(rows, at, strict=True)])
    return head.step(frames[:, None], state).prediction[:, 0]


def close(result, expected):
    torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@pytest.mark.parametrize("storage", STORAGES)
class TestRowsGoOnAsIfAlone:
    def start(self, policy, storage, rows, frames=9):
        head = make_head(policy)
        state = init_state(head, storage, len(rows))
        for at in range(frames):
            step(head, state, rows, [at] * len(rows))
        return head, state

    def test_when_selected_in_another_order(self, storage, policy):
        head, state = self.start(policy, storage, [0, 1, 2])
        some = state.select([2, 0, 2])
        expected = torch.stack([alone(head, storage, row) for row in range(3)])
        for at in range(9, FRAMES):
            result = step(head, some, [2, 0, 2], [at] * 3)
            everyone = step(head, state, [0, 1, 2], [at] * 3)
            close(result, everyone[[2, 0, 2]])
            close(everyone, expected[:, at])

    def test_when_merged_at_different_frames(self, storage, policy):
        head, first = self.start(policy, storage, [0, 1], 9)
        second = init_state(head, storage, 1)
        for at in range(4):
            step(head, second, [2], [at])
        both = HeadState.merge([first, second, first])
        assert both.num_seen.tolist() == [9, 9, 4, 9, 9]
        expected = [alone(head, storage, row) for row in range(3)]
        for at in range(10):
            result = step(head, both, [0, 1, 2, 0, 1], [9 + at, 9 + at, 4 + at, 9 + at, 9 + at])
            close(result[2], expected[2][4 + at])
            close(result[[0, 1]], torch.stack([expected[0][9 + at], expected[1][9 + at]]))
            close(result[[3, 4]], result[[0, 1]])
        close(step(head, first, [0, 1], [9, 9])[0], expected[0][9])

    def test_when_extracted_and_inserted_elsewhere(self, storage, policy):
        head, batch = self.start(policy, storage, [0, 1, 2])
        other = init_state(head, storage, 2)
        taken = batch.extract([1])
        assert batch.num_seen.tolist() == [9, 0, 9]
        other.insert([1], taken)
        expected = [alone(head, storage, row) for row in range(4)]
        for at in range(10):
            result = step(head, other, [3, 1], [at, 9 + at])
            close(result, torch.stack([expected[3][at], expected[1][9 + at]]))
            result = step(head, batch, [0, 3, 2], [9 + at, at, 9 + at])
            close(result[1], expected[3][at])
            close(result[[0, 2]], torch.stack([expected[0][9 + at], expected[2][9 + at]]))


@pytest.mark.parametrize("storage", STORAGES)
def test_rows_that_nobody_names_stay_as_they_are_to_the_bit(storage):
    head = make_head()
    state = init_state(head, storage, 3)
    for at in range(9):
        step(head, state, [0, 1, 2], [at] * 3)
    before = state.select([0, 2])
    state.extract([1])
    state.reset([1])
    state.insert([1], before.select([1]))
    rows = torch.tensor([0, 2])
    kept, expected = state.storage.read_rows(rows), before.storage.read_rows(torch.arange(2))
    for mine, theirs in ((kept.keys, expected.keys), (kept.values, expected.values)):
        for part, before_part in zip(mine.parts(), theirs.parts(), strict=True):
            assert torch.equal(part, before_part)
    for name, tensor in state.slots.tensors().items():
        assert torch.equal(tensor[rows], before.slots.tensors()[name])


def test_a_dense_state_allocates_nothing_when_a_stream_joins():
    head = make_head()
    state, newcomer = head.init_state(3), head.init_state()
    keys = state.storage.keys.data.data_ptr()
    state.insert([2], newcomer)
    assert state.storage.keys.data.data_ptr() == keys


def test_states_move_between_pools_and_dense_memory():
    head = make_head()
    states = {storage: init_state(head, storage, 1) for storage in ("dense", "paged")}
    states["other pool"] = init_state(head, "paged", 1)
    for at in range(9):
        for row, state in enumerate(states.values()):
            step(head, state, [row], [at])
    expected = torch.stack([alone(head, "dense", row)[9] for row in range(3)])
    for first in states:
        order = [first, *(name for name in states if name != first)]
        both = HeadState.merge([states[name] for name in order])
        rows = [list(states).index(name) for name in order]
        assert type(both.storage) is type(states[first].storage)
        close(step(head, both, rows, [9] * 3), expected[rows])
    dense = states["paged"].to()
    close(step(head, dense, [1], [9]), expected[[1]])


def test_what_does_not_fit_together_is_refused():
    head = make_head()
    state = head.init_state(2)
    for other, what in (
        (CameraHead(CONFIG).double().init_state(), "settings and weights"),
        (head.init_state(key_format="int8"), "storage formats"),
        (head.init_state(first_frame=7), "first_frame"),
    ):
        with pytest.raises(StateError, match=f"states of another {what}"):
            HeadState.merge([state, other])
        with pytest.raises(StateError, match=f"states of another {what}"):
            state.insert([0], other)


def test_rows_that_do_not_exist_or_come_twice_are_refused():
    head = make_head()
    state = head.init_state(2)
    for call in (
        lambda: state.select([2]),
        lambda: state.extract([-1]),
        lambda: state.insert([5], head.init_state()),
        lambda: state.select([]),
        lambda: HeadState.merge([]),
        lambda: state.insert([0, 0], head.init_state(2)),
        lambda: state.insert([0], head.init_state(2)),
    ):
        with pytest.raises(InputError):
            call()
    assert state.num_seen.tolist() == [0, 0]
