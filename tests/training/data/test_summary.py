import math
from pathlib import Path

import pytest

from vidcache.training.data import ActionDataset, LabelledVideo, Segment
from vidcache.training.data.summary import summarise


def clip(name, *segments, split="train", ignored=()):
    return LabelledVideo(name, Path(name), tuple(segments), split, ignored=ignored)


def test_seconds_are_those_that_are_covered():
    videos = (
        clip("a", Segment(0, 2, "walk"), Segment(1, 3, "walk"), Segment(2, 4, "wave")),
        clip("b", Segment(1, math.inf, "wave"), ignored=(Segment(0, 0.5, "?"),)),
        clip("c", split="test"),
    )
    data = ActionDataset(Path("set.yaml"), ("background", "walk", "wave"), True, videos)
    train, test = summarise(data, {"a": 10.0, "b": 3.0, "c": 5.0})
    assert (train.name, train.num_videos, train.seconds) == ("train", 2, 13.0)
    walk, wave = train.labels
    assert (walk.num_videos, walk.num_segments, walk.seconds, walk.median_seconds) == (1, 2, 3, 2)
    assert (wave.num_videos, wave.num_segments, wave.seconds, wave.median_seconds) == (2, 2, 4, 2)
    assert train.background_seconds == pytest.approx(6.5)
    assert train.ignored_seconds == pytest.approx(0.5)
    assert (test.seconds, test.background_seconds) == (5.0, 5.0)
    assert test.labels[0].num_videos == 0
    assert test.labels[0].median_seconds == 0
