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


@pytest.mark.parametrize("bits", [32, 33])
def test_a_counter_that_wraps_is_unrolled_without_a_word(bits: int) -> None:
    wrap = 2**bits / 90_000
    clock = PresentationClock(10.0)
    times = [wrap - 0.2 + step / 10 for step in range(5)]
    results = [clock.next(t % wrap) for t in times]
    assert [r[0] for r in results] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    assert all(flags == () for _, flags in results)


def test_a_picture_from_before_the_wrap_may_come_after_it() -> None:
    wrap = 2**33 / 90_000
    clock = PresentationClock(10.0)
    clock.next(wrap - 0.1)
    assert clock.peek(0.2) == pytest.approx(0.3)
    results = [clock.next(t) for t in (0.05, wrap - 0.02, 0.3)]
    assert [r[0] for r in results] == pytest.approx([0.15, 0.25, 0.4])
    assert [r[1] for r in results] == [(), ("pts_estimated",), ()]


def test_a_file_keeps_its_jumps_forward() -> None:
    clock = PresentationClock(10.0)
    assert [clock.next(t) for t in (0.0, 5000.0)] == [(0.0, ()), (5000.0, ())]


def test_a_camera_that_jumps_forward_goes_on_by_the_wall_clock() -> None:
    clock = PresentationClock(10.0)
    results = [
        clock.next(t, arrival=50.0 + a)
        for t, a in ((7.0, 0.0), (7.1, 0.1), (5000.0, 0.4), (5000.1, 0.5))
    ]
    assert [r[0] for r in results] == pytest.approx([0.0, 0.1, 0.4, 0.5])
    assert [r[1] for r in results] == [(), (), ("timestamp_jump",), ()]


def test_a_camera_that_was_silent_keeps_its_own_time() -> None:
    clock = PresentationClock(10.0)
    results = [clock.next(t, arrival=50.0 + a) for t, a in ((7.0, 0.0), (27.0, 20.1), (47.0, 40.0))]
    assert results == [(0.0, ()), (20.0, ()), (40.0, ())]


def test_a_camera_that_begins_again_after_a_pause_goes_on_by_the_wall_clock() -> None:
    clock = PresentationClock(10.0)
    clock.next(700.0, arrival=50.0)
    assert clock.next(0.0, arrival=65.0) == (15.0, ("timestamp_jump",))


def test_a_camera_without_times_is_timed_by_its_pictures_arrival() -> None:
    clock = PresentationClock(25.0)
    results = [clock.next(None, arrival=50.0 + a) for a in (0.0, 0.5, 0.9)]
    assert [r[0] for r in results] == pytest.approx([0.0, 0.5, 0.9])
    assert [r[1] for r in results] == [(), ("pts_estimated",), ("pts_estimated",)]
