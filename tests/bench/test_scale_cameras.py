"""Cameras are live ones, and what they sent and what was shown is told apart."""

from itertools import islice

import pytest

from vidcache.bench.camera_graph import camera_graph
from vidcache.bench.scale_cameras import (
    CameraFigures,
    CameraPoint,
    count_flops,
    measure_cameras,
    reading_seconds,
)
from vidcache.config import Config
from vidcache.pipeline import Pipeline
from vidcache.video import open_source


def test_a_camera_shows_a_video_for_ever_at_its_own_rate(make_video, tmp_path):
    folder = tmp_path / "a [b] c, d:e;f"
    folder.mkdir()
    video = make_video(folder / "it's.mp4", num_frames=5)
    with open_source(camera_graph(video, 20, (48, 32))) as source:
        frames = list(islice(source, 12))
    assert [frame.pts_seconds for frame in frames] == pytest.approx(
        [n / 20 for n in range(12)], abs=1e-3
    )
    assert frames[0].image_rgb.shape == (32, 48, 3)


def test_without_a_video_it_shows_a_test_picture():
    assert reading_seconds(camera_graph(None, 20, (48, 32))) > 0


def test_cameras_that_are_not_too_many_are_shown_whole(small_model, small_video):
    pipeline = Pipeline(small_model, config=Config(detector="none"))
    points = [CameraPoint(1), CameraPoint(2, reuse=True)]
    graph = camera_graph(small_video, 10, (96, 64))
    turns: list[str] = []
    found = measure_cameras(
        pipeline, graph, points, rate=10, seconds=1.0, rounds=2, advance=turns.append
    )
    assert turns == ["1 cameras", "2 cameras"] * 2
    for point, figures in found.items():
        assert len(figures.resident_bytes) == 2
        assert figures.due == pytest.approx(20 * point.cameras, abs=10 * point.cameras)
        assert 0 < len(figures.ages) <= figures.due + 2 * point.cameras
        assert min(figures.ages) > 0
        assert figures.cpu_seconds > 0


def test_figures_of_dropped_frames():
    first = CameraFigures(CameraPoint(1), 2.0, 1.0, 20, [0.05] * 20, {"head": 0.2}, [100])
    many = CameraFigures(CameraPoint(4), 2.0, 2.0, 80, [0.1] * 40, {"head": 0.8}, [150, 140])
    row = many.to_dict(first)
    assert row["shown_share"] == 0.5
    assert row["throughput_ratio"] == 2.0
    assert row["age_ratio"] == 2.0
    assert row["cpu_ratio"] == 1.0
    assert row["cpu_ms_a_frame"] == 50.0
    assert row["processors"] == 1.0
    assert row["stages_ms"] == {"head": 20.0}
    assert row["resident_bytes"] == 150


def test_the_arithmetic_of_the_encoder_is_counted(small_model):
    flops = count_flops(Pipeline(small_model, config=Config(detector="none")))
    # Two blocks of width 192 on 2x2 patches of 16 pixels and a CLS token, and the patches' own.
    block = 2 * 5 * (12 * 192**2) + 2 * 2 * 5 * 5 * 192
    patches = 2 * 4 * 192 * 3 * 16 * 16
    assert flops["encode"] == pytest.approx(2 * block + patches, rel=0.02)
    assert flops["head"] > 0
