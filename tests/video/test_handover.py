import random
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from vidcache.errors import SourceError
from vidcache.frames import Discontinuity, Frame
from vidcache.video.handover import Handover, WhenFull


def frame(index: int) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), index, index / 10)


def test_frames_arrive_in_order_and_none_is_lost() -> None:
    handover = Handover()
    handover.configure(3, "block")

    def produce() -> None:
        for index in range(200):
            assert handover.put(frame(index))
        handover.finish()

    thread = threading.Thread(target=produce)
    thread.start()
    received = []
    while (item := handover.get()) is not None:
        received.append(item.index)
    thread.join()
    assert received == list(range(200))
    assert sum(handover.dropped_by_cause.values()) == 0


def test_a_full_live_handover_drops_the_oldest_and_counts() -> None:
    handover = Handover()
    handover.configure(2, "oldest")
    handover.put(frame(0))
    first = handover.get()
    assert first is not None
    for index in range(1, 6):
        handover.put(frame(index))
    handover.finish()
    assert [item.index for item in iter(handover.get, None) if isinstance(item, Frame)] == [4, 5]
    assert handover.dropped_by_cause == {"full": 3, "late": 0, "skipped": 0}


def test_what_came_before_anybody_looked_is_not_counted_as_dropped() -> None:
    handover = Handover()
    handover.configure(1, "oldest")
    for index in range(5):
        handover.put(frame(index))
    assert sum(handover.dropped_by_cause.values()) == 0


def test_an_error_comes_after_the_last_frame_and_once() -> None:
    handover = Handover()
    handover.configure(4, "block")
    handover.put(frame(0))
    handover.finish(SourceError("broken"))
    first = handover.get()
    assert first is not None
    assert first.index == 0
    with pytest.raises(SourceError, match="broken"):
        handover.get()
    assert handover.get() is None


def test_closing_frees_a_producer_that_waits() -> None:
    handover = Handover()
    handover.configure(1, "block")
    answers: list[bool] = []

    def produce() -> None:
        answers.extend(handover.put(frame(index)) for index in range(2))

    thread = threading.Thread(target=produce)
    thread.start()
    handover.wait_for_first()
    handover.close()
    thread.join(10)
    assert not thread.is_alive()
    assert answers[-1] is False


def test_closing_frees_a_consumer_that_waits() -> None:
    handover = Handover()
    answers: list[Frame | None] = []
    thread = threading.Thread(target=lambda: answers.append(handover.get()))
    thread.start()
    handover.close()
    thread.join(10)
    assert answers == [None]


def test_a_full_handover_may_drop_what_comes() -> None:
    handover = Handover()
    handover.configure(2, "latest")
    for index in range(4):
        handover.put(frame(index))
    taken = [handover.get(0), handover.get(0)]
    assert [item.index for item in taken if isinstance(item, Frame)] == [0, 1]
    handover.put(frame(4))
    last = handover.get(0)
    assert isinstance(last, Frame)
    assert last.index == 4
    assert handover.num_seen == 5
    assert handover.dropped_by_cause == {"full": 2, "late": 0, "skipped": 0}


def test_frames_that_are_too_old_are_not_handed_out() -> None:
    handover = Handover()
    handover.configure(8, "oldest", max_latency=5.0)
    now = time.monotonic()
    for index, age in enumerate((0.0, 60.0, 50.0, 0.0, 70.0)):
        handover.put(frame(index), due=now - age)
    handover.finish()
    taken = [item.index for item in iter(handover.get, None) if isinstance(item, Frame)]
    assert taken == [0, 3]
    assert handover.dropped_by_cause == {"full": 0, "late": 3, "skipped": 0}
    assert handover.num_seen == 5


def test_what_waits_when_it_is_closed_was_not_seen() -> None:
    handover = Handover()
    handover.configure(4, "block")
    for index in range(3):
        handover.put(frame(index))
    handover.get()
    handover.close()
    assert handover.num_seen == 1
    assert handover.ended


def test_news_keep_their_place_and_are_never_dropped() -> None:
    handover = Handover()
    handover.configure(1, "oldest")
    handover.put(frame(0))
    handover.get()
    for index in range(1, 4):
        handover.put(frame(index))
    handover.announce(Discontinuity("disconnect", 4, 0.3))
    for index in range(4, 7):
        handover.put(frame(index))
    first, second = handover.get(0), handover.get(0)
    assert isinstance(first, Discontinuity)
    assert isinstance(second, Frame)
    assert second.index == 6


@pytest.mark.parametrize("when_full", ["oldest", "latest"])
def test_a_dropped_frame_leaves_what_it_says_of_the_gap_to_the_next(when_full: WhenFull) -> None:
    handover = Handover()
    handover.configure(1, when_full)
    handover.put(frame(0))
    handover.get()
    gap = Discontinuity("reconnect", 1, 0.1, detail="gone")
    if when_full == "latest":
        handover.put(frame(1))
    handover.put(replace(frame(2), flags=("after_gap", "tainted"), gaps=(gap,)))
    if when_full == "latest":
        handover.get()
    handover.put(frame(3))
    heir = handover.get(0)
    assert isinstance(heir, Frame)
    assert heir.index == 3
    assert heir.flags == ("after_gap",)
    assert heir.gaps == (replace(gap, frame=3, pts_seconds=0.3),)


def test_frames_taken_and_dropped_are_the_frames_seen_whatever_happens() -> None:
    rng = random.Random(0)
    for when_full in ("oldest", "latest"):
        handover = Handover()
        handover.configure(3, when_full, max_latency=10.0)
        index, taken = 0, []
        for _ in range(2000):
            if rng.random() < 0.1:
                skipped = rng.randrange(4)
                handover.count_skipped(skipped)
                index += skipped
            if rng.random() < 0.6:
                handover.put(frame(index), due=time.monotonic() - rng.choice([0.0, 0.0, 99.0]))
                index += 1
            elif index > 100 and isinstance(item := handover.get(0), Frame):
                taken.append(item.index)
        handover.finish()
        taken += [item.index for item in iter(handover.get, None) if isinstance(item, Frame)]
        assert handover.num_seen == index - taken[0]
        assert handover.num_seen == len(taken) + sum(handover.dropped_by_cause.values())


def test_a_listener_is_called_for_everything_that_may_be_new() -> None:
    handover = Handover()
    calls: list[bool] = []
    handover.put(frame(0))
    handover.set_listener(lambda: calls.append(handover.ended))
    assert calls == [False]
    handover.announce(Discontinuity("disconnect", 1, 0.0))
    handover.finish()
    assert len(calls) == 3
    handover.close()
    assert calls[3] is True
