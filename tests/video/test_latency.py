from itertools import pairwise

import pytest

from vidcache.video.latency import CatchUp, LatencyGauge


def test_the_quickest_frame_is_the_baseline() -> None:
    gauge = LatencyGauge()
    for now, pts in ((100.5, 0.0), (101.0, 1.0), (102.3, 2.0)):
        gauge.observe(now, pts)
    assert gauge.lag(102.3, 2.0) == pytest.approx(0.3, abs=0.001)
    assert gauge.due(3.0) == pytest.approx(103.0, abs=0.001)


def test_a_slow_clock_is_not_taken_for_latency() -> None:
    gauge = LatencyGauge()
    for second in range(0, 86_400, 5):
        gauge.observe(second * (1 + 100e-6), float(second))
    assert gauge.lag(86_395 * (1 + 100e-6), 86_395.0) == pytest.approx(0.0, abs=1e-6)


def watch(
    catch_up: CatchUp, gauge: LatencyGauge, *, behind: float, decode_speed: float
) -> list[tuple[float, float]]:
    """When which pictures come of 25 a second, with a key frame each second.

    What is held back comes 50 times faster than real time; it is decoded at ``decode_speed``.
    """
    decoded, now, pts = [], 20.0, 20.0 - behind
    while pts < 40.0:
        if catch_up.passes_over(now, pts, is_key=round(pts * 25) % 25 == 0):
            now += 0.04 / 50
        else:
            now += 0.04 / decode_speed
            gauge.observe(now, pts)
            decoded.append((now, pts))
        pts += 0.04
        now = max(now, pts)
    return decoded


def test_what_decodes_fast_is_not_passed_over() -> None:
    gauge = LatencyGauge()
    gauge.observe(0.0, 0.0)
    decoded = watch(CatchUp(gauge, max_latency=1.0), gauge, behind=5.0, decode_speed=5.0)
    assert len(decoded) == pytest.approx(25 * 25, abs=1)
    assert decoded[-1][0] - decoded[-1][1] < 0.1


def test_a_slow_decoder_passes_over_to_a_key_frame_in_time() -> None:
    gauge = LatencyGauge()
    gauge.observe(0.0, 0.0)
    decoded = watch(CatchUp(gauge, max_latency=1.0), gauge, behind=10.0, decode_speed=1.1)
    gaps = [
        (after[1] - before[1], after)
        for before, after in pairwise(decoded)
        if after[1] - before[1] > 0.05
    ]
    assert len(gaps) == 1
    seconds, (now, pts) = gaps[0]
    assert seconds > 8.0
    assert now - pts <= 0.3
    assert pts == pytest.approx(round(pts), abs=1e-6)
    assert now < 22.0


def test_a_decoder_slower_than_the_camera_never_falls_far_behind() -> None:
    gauge = LatencyGauge()
    gauge.observe(0.0, 0.0)
    decoded = watch(CatchUp(gauge, max_latency=1.0), gauge, behind=0.0, decode_speed=0.6)
    assert max(now - pts for now, pts in decoded) < 2.0
    assert len(decoded) > 200


def test_a_delay_that_does_not_shrink_becomes_the_baseline() -> None:
    gauge = LatencyGauge()
    catch_up = CatchUp(gauge, max_latency=1.0)
    gauge.observe(0.0, 0.0)
    passed = []
    for index in range(250):
        now, pts = 20.0 + index / 25, 10.0 + index / 25
        if catch_up.passes_over(now, pts, is_key=index % 25 == 0):
            passed.append(index)
        else:
            gauge.observe(now, pts)
    assert passed
    assert max(passed) < 100
    assert gauge.lag(20.0, 10.0) == pytest.approx(0.0, abs=0.01)


def test_a_stream_without_key_frames_is_not_passed_over_for_ever() -> None:
    gauge = LatencyGauge()
    catch_up = CatchUp(gauge, max_latency=0.5)
    gauge.observe(0.0, 0.0)
    passed = [catch_up.passes_over(5.0 + i, 1.0 + i * 0.9, is_key=False) for i in range(100)]
    assert any(passed[:5])
    assert not all(passed[5:])
