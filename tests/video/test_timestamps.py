import random

import pytest

from vidcache.video.timestamps import PresentationClock


def test_times_count_from_the_start_of_the_stream() -> None:
    clock = PresentationClock(25.0, start_seconds=10.0)
    assert [clock.next(t)[0] for t in (10.5, 10.54)] == pytest.approx([0.5, 0.54])
    assert clock.origin_seconds == 10.0


def test_a_picture_before_the_start_becomes_the_start() -> None:
    clock = PresentationClock(25.0, start_seconds=10.0)
    assert [clock.next(t)[0] for t in (9.9, 10.0)] == pytest.approx([0.0, 0.1])


def test_without_a_start_the_first_picture_is_at_zero() -> None:
    clock = PresentationClock(25.0)
    assert [clock.next(t)[0] for t in (7.0, 7.5)] == [0.0, 0.5]


def test_a_missing_time_is_derived_from_the_rate_and_flagged() -> None:
    clock = PresentationClock(10.0)
    assert clock.next(None) == (0.0, ())
    assert clock.next(None) == (0.1, ("pts_estimated",))
    assert clock.next(0.2) == (0.2, ())


def test_the_first_time_may_be_missing_and_the_next_known() -> None:
    clock = PresentationClock(10.0)
    assert clock.next(None)[0] == 0.0
    assert clock.next(500.0) == (0.1, ())
    assert clock.next(500.1)[0] == pytest.approx(0.2)


def test_a_time_that_goes_back_a_little_is_replaced() -> None:
    clock = PresentationClock(10.0)
    results = [clock.next(t) for t in (0.0, 0.1, 0.05, 0.3)]
    assert [r[0] for r in results] == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert [r[1] for r in results] == [(), (), ("pts_estimated",), ()]


def test_a_stream_that_begins_again_goes_on_where_it_was() -> None:
    clock = PresentationClock(10.0)
    results = [clock.next(t) for t in (100.0, 104.0, 0.0, 0.1)]
    assert [r[0] for r in results] == pytest.approx([0.0, 4.0, 4.1, 4.2])
    assert results[2][1] == ("timestamp_jump",)
    assert results[3][1] == ()


def test_times_never_decrease_whatever_comes() -> None:
    rng = random.Random(0)
    clock = PresentationClock(30.0)
    times = [
        clock.next(rng.choice([None, rng.uniform(-5, 5), rng.gauss(100, 50)]))[0]
        for _ in range(2000)
    ]
    assert times == sorted(times)
