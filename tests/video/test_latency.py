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


def drain(catch_up: CatchUp, *, start: float, behind: float, speed: float, seconds: float):
    """Packets at 25 a second with a key frame each second, read at ``speed`` until they are now."""
    decoded, now, pts = [], start, start - behind
    while now < start + seconds:
        index = round(pts * 25)
        if not catch_up.passes_over(now, pts, is_key=index % 25 == 0):
            decoded.append((now, pts))
        pts += 0.04
        now = max(now + 0.04 / speed, pts)
    return decoded


def test_a_backlog_is_passed_over_up_to_a_key_frame_in_time() -> None:
    gauge = LatencyGauge()
    catch_up = CatchUp(gauge, max_latency=1.0)
    gauge.observe(0.0, 0.0)
    decoded = drain(catch_up, start=20.0, behind=10.0, speed=50.0, seconds=5.0)
    first = decoded[0]
    assert first[0] - first[1] <= 0.25
    assert first[1] == pytest.approx(round(first[1]), abs=1e-6)
    assert len(decoded) > 90


def test_a_delay_that_does_not_shrink_becomes_the_baseline() -> None:
    gauge = LatencyGauge()
    catch_up = CatchUp(gauge, max_latency=1.0)
    gauge.observe(0.0, 0.0)
    decoded = []
    for index in range(250):
        now, pts = 20.0 + index / 25, 10.0 + index / 25
        if not catch_up.passes_over(now, pts, is_key=index % 25 == 0):
            decoded.append(index)
            gauge.observe(now, pts)
    assert decoded
    assert decoded == list(range(decoded[0], 250))
    assert decoded[0] <= 75
    assert gauge.lag(20.0, 10.0) == pytest.approx(0.0, abs=0.01)


def test_a_stream_without_key_frames_is_not_passed_over_for_ever() -> None:
    gauge = LatencyGauge()
    catch_up = CatchUp(gauge, max_latency=0.5)
    gauge.observe(0.0, 0.0)
    passed = [catch_up.passes_over(5.0 + i, 1.0 + i, is_key=False) for i in range(60)]
    assert passed[0]
    assert not passed[-1]
