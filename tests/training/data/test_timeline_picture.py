from pathlib import Path

import numpy as np
import pytest

from vidcache.errors import DataError
from vidcache.training.data import ActionDataset, LabelledVideo, Segment
from vidcache.training.data.timeline_picture import draw_timelines

image = pytest.importorskip("matplotlib.image")


def many(num_videos, num_labels):
    labels = [f"label {number}" for number in range(num_labels)]
    videos = tuple(
        LabelledVideo(
            f"clip{n}",
            Path(f"clip{n}.mp4"),
            (Segment(1, 3, labels[n % num_labels]), Segment(2, 4, labels[-1])),
            "train" if n % 3 else "test",
            ignored=(Segment(5, 6, "?"),),
        )
        for n in range(num_videos)
    )
    data = ActionDataset(Path("set.yaml"), ("background", *labels), True, videos)
    return data, {video.name: 8.0 for video in videos}


@pytest.mark.parametrize(("num_videos", "num_labels"), [(1, 1), (5, 3), (90, 30), (400, 2)])
def test_a_picture_is_drawn_of_any_number_of_videos(tmp_path, num_videos, num_labels):
    path = tmp_path / "times.png"
    draw_timelines(*many(num_videos, num_labels), path)
    height, width = image.imread(path).shape[:2]
    assert 200 < height < 2000
    assert 1500 < width < 3000


def test_labels_have_the_colours_of_the_data_set(tmp_path):
    path = tmp_path / "times.png"
    draw_timelines(*many(3, 2), path)
    colors = {tuple(color) for color in np.uint8(image.imread(path)[..., :3] * 255).reshape(-1, 3)}
    assert {(0x3B, 0x6F, 0xB6), (0xF2, 0x8E, 0x2B), (0xE6, 0xE9, 0xEE)} <= colors


def test_nothing_to_draw_and_an_ending_that_is_no_picture_are_errors(tmp_path):
    data, _ = many(2, 1)
    with pytest.raises(DataError, match="no video to draw"):
        draw_timelines(data, {}, tmp_path / "times.png")
    with pytest.raises(DataError, match="cannot be written"):
        draw_timelines(*many(2, 1), tmp_path / "times.nothing")
