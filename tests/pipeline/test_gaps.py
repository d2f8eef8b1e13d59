import numpy as np

from vidcache.frames import Frame
from vidcache.pipeline import GapDetector


def frame(index, pts_seconds, size=(4, 6), flags=()):
    return Frame(np.zeros((*size, 3), np.uint8), index, pts_seconds, flags=flags)


def reasons(*frames):
    gaps = GapDetector(gap_seconds=2.0)
    return [[gap.reason for gap in gaps.update(item)] for item in frames]


def test_frames_that_follow_each_other_have_no_gap():
    assert reasons(frame(0, 0.0), frame(1, 0.04), frame(2, 2.0)) == [[], [], []]


def test_a_long_step_in_time_is_a_gap():
    assert reasons(frame(0, 0.0), frame(1, 9.0)) == [[], ["timestamp_jump"]]


def test_a_step_backwards_that_the_source_has_hidden_is_a_gap():
    jump = frame(1, 0.04, flags=("timestamp_jump",))
    assert reasons(frame(0, 0.0), jump, frame(2, 0.08)) == [[], ["timestamp_jump"], []]


def test_a_change_of_size_is_a_gap():
    assert reasons(frame(0, 0.0), frame(1, 0.04, size=(8, 6))) == [[], ["size_change"]]
