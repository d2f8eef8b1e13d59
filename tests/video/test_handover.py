import threading

import numpy as np
import pytest

from vidcache.errors import SourceError
from vidcache.frames import Frame
from vidcache.video.handover import Handover


def frame(index: int) -> Frame:
    return Frame(np.zeros((2, 2, 3), np.uint8), index, index / 10)


def test_frames_arrive_in_order_and_none_is_lost() -> None:
    handover = Handover()
    handover.configure(3, drop_oldest=False)

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
    assert handover.num_dropped == 0


def test_a_full_live_handover_drops_the_oldest_and_counts() -> None:
    handover = Handover()
    handover.configure(2, drop_oldest=True)
    handover.put(frame(0))
    first = handover.get()
    assert first is not None
    for index in range(1, 6):
        handover.put(frame(index))
    handover.finish()
    assert [item.index for item in iter(handover.get, None)] == [4, 5]
    assert handover.num_dropped == 3


def test_what_came_before_anybody_looked_is_not_counted_as_dropped() -> None:
    handover = Handover()
    handover.configure(1, drop_oldest=True)
    for index in range(5):
        handover.put(frame(index))
    assert handover.num_dropped == 0


def test_an_error_comes_after_the_last_frame_and_once() -> None:
    handover = Handover()
    handover.configure(4, drop_oldest=False)
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
    handover.configure(1, drop_oldest=False)
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
