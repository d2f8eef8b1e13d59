import pytest
import torch

from vidcache import SinkWindow, SlidingWindow
from vidcache.cache import SlotTable
from vidcache.errors import StateError


def advance(table, num_frames, seconds=None):
    plan = table.plan(table.next_times(num_frames, seconds))
    table.commit(plan)
    return plan


def remembered(table, row=0):
    return sorted(table.held.index[row][table.remembered()[row]].tolist())


def test_a_frame_takes_one_slot_that_no_query_needs():
    table = SlotTable(SlidingWindow(3), batch_size=1, rollback_margin=0)
    slots = [int(advance(table, 1).slots) for _ in range(7)]
    assert slots == [0, 1, 2, 0, 1, 2, 0]


def test_a_plan_changes_nothing_until_it_is_committed():
    table = SlotTable(SlidingWindow(3), batch_size=1, rollback_margin=0)
    advance(table, 5)
    before = {name: tensor.clone() for name, tensor in table.tensors().items()}
    table.plan(table.next_times(4, None))
    assert all(torch.equal(before[name], tensor) for name, tensor in table.tensors().items())


def test_a_chunk_longer_than_the_window_keeps_sinks_and_window_only():
    table = SlotTable(SinkWindow(window=3, sink_frames=2), batch_size=1, rollback_margin=1)
    plan = advance(table, 20)
    assert remembered(table) == [0, 1, 17, 18, 19]
    kept = (plan.slots[0] >= 0).nonzero().flatten().tolist()
    assert kept == [0, 1, 16, 17, 18, 19]
    assert len(set(plan.slots[0, kept].tolist())) == len(kept)


def test_capacity_is_never_exceeded_and_the_newest_frame_is_always_kept():
    generator = torch.Generator().manual_seed(0)
    table = SlotTable(SinkWindow(window=4, sink_frames=1), batch_size=3, rollback_margin=2)
    for _ in range(200):
        advance(table, int(torch.randint(1, 9, (), generator=generator)))
        row = int(torch.randint(3, (), generator=generator))
        back = int(torch.randint(0, 3, (), generator=generator))
        if int(table.num_seen[row]) > 4 and back:
            table.rollback(min(back, 1), torch.tensor([row]))
        held = table.remembered().sum(dim=1)
        assert bool((held <= table.policy.capacity).all())
        newest = table.held.index.amax(dim=1)
        assert torch.equal(newest, table.num_seen - 1)


def test_a_reset_row_begins_again_and_the_others_go_on():
    table = SlotTable(SlidingWindow(3), batch_size=2, rollback_margin=1)
    advance(table, 5)
    table.reset(torch.tensor([1]))
    advance(table, 1)
    assert (remembered(table, 0), remembered(table, 1)) == ([3, 4, 5], [0])


def test_rollback_stops_at_its_margin_even_in_several_steps():
    table = SlotTable(SlidingWindow(3), batch_size=1, rollback_margin=3)
    advance(table, 10)
    table.rollback(2, torch.tensor([0]))
    assert remembered(table) == [5, 6, 7]
    with pytest.raises(StateError, match="cannot roll back 2 frames: 1 can be undone"):
        table.rollback(2, torch.tensor([0]))
    table.rollback(1, torch.tensor([0]))
    assert remembered(table) == [4, 5, 6]


def test_a_refused_rollback_changes_no_row():
    table = SlotTable(SlidingWindow(3), batch_size=2, rollback_margin=3)
    advance(table, 5)
    table.reset(torch.tensor([1]))
    advance(table, 1)
    with pytest.raises(StateError):
        table.rollback(2, torch.tensor([0, 1]))
    assert table.num_seen.tolist() == [6, 1]


def test_a_stream_rolled_back_to_its_beginning_may_begin_at_any_time():
    table = SlotTable(SlidingWindow(3), batch_size=1, rollback_margin=4)
    advance(table, 4, torch.tensor([[5.0, 6.0, 7.0, 8.0]]))
    table.rollback(4, torch.tensor([0]))
    advance(table, 1, torch.tensor([[1.0]]))
    assert remembered(table) == [0]
