"""Points are measured in turns, once each, and compared with each other turn by turn."""

import pytest

from vidcache.bench.scale_head import HeadFigures, HeadPoint, axis_points, measure_heads
from vidcache.head import HeadConfig

CONFIG = HeadConfig(16, 16, depth=1, num_heads=2, num_iterations=4, num_outputs=4)


def test_axes_go_through_the_centre():
    axes = axis_points(HeadPoint(streams=2), {"window": [8, 64], "iterations": [1]})
    assert axes["window"] == (HeadPoint(2, 8, 4), HeadPoint(2, 64, 4))
    assert axes["iterations"] == (HeadPoint(2, 64, 1),)


def test_a_point_of_two_axes_is_measured_once():
    points = [HeadPoint(1, 8, 2), HeadPoint(3, 8, 2), HeadPoint(1, 8, 2)]
    turns: list[str] = []
    found = measure_heads(CONFIG, points, seconds=0.0, advance=turns.append)
    assert list(found) == [HeadPoint(1, 8, 2), HeadPoint(3, 8, 2)]
    # Two turns to get warm and the least number that is counted.
    assert len(turns) == 6
    assert {len(figures.turns) for figures in found.values()} == {4}


@pytest.mark.parametrize("point", [HeadPoint(1, 8, 1), HeadPoint(5, 24, 3), HeadPoint(40, 8, 2)])
def test_the_state_is_as_large_as_planned(point):
    figures = measure_heads(CONFIG, [point], seconds=0.0)[point]
    lanes, slots = point.iterations, point.window + CONFIG.rollback_margin
    assert figures.nbytes == figures.planned_nbytes
    assert figures.nbytes == 2 * lanes * point.streams * slots * 16 * 4


def test_ratios_are_those_of_the_same_turn():
    # The machine was three times slower in the second turn, for both.
    one = HeadFigures(HeadPoint(1), [[1.0, 1.0, 5.0], [3.0, 3.0, 3.0]], 10, 10, 0, 0, 1)
    two = HeadFigures(HeadPoint(4), [[2.0, 2.0, 2.0], [6.0, 9.0, 6.0]], 40, 40, 0, 0, 1)
    row = two.to_dict(one)
    assert row["step_ratio"] == 2.0
    assert row["throughput_ratio"] == 2.0
    assert row["bytes_ratio"] == 4.0
    assert row["p50_ms"] == 4000.0
    assert row["frames_a_second"] == 1.0
