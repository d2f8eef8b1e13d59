import math

import numpy as np
import pytest

from vidcache.errors import InputError
from vidcache.training.data import Segment, frame_targets, ignore_mask

LABELS = ("background", "walk", "wave")


@pytest.mark.parametrize("rate", [4, 10, 24, 30000 / 1001, 60])
def test_at_a_constant_rate_segments_reach_from_floor_to_ceil(rate):
    generator = np.random.default_rng(0)
    starts = np.arange(200) / rate
    for _ in range(50):
        begin, end = np.sort(generator.uniform(0, 200 / rate, 2))
        targets = frame_targets([Segment(begin, end, "wave")], LABELS, starts, 200 / rate)
        expected = np.zeros(200)
        expected[math.floor(begin * rate) : math.ceil(end * rate)] = 1
        np.testing.assert_array_equal(targets[:, 2], expected)
        np.testing.assert_array_equal(targets[:, 0], 1 - expected)
        assert not targets[:, 1].any()


@pytest.mark.parametrize("rate", [10, 12, 25, 30])
def test_a_segment_between_two_frames_times_holds_just_the_frames_between(rate):
    starts = np.arange(100) * (1 / rate)
    for first in range(90):
        segment = Segment(round(first / rate, 9), round((first + 3) / rate, 9), "walk")
        shown = np.flatnonzero(frame_targets([segment], LABELS, starts, 100 / rate)[:, 1])
        assert shown.tolist() == [first, first + 1, first + 2]


def test_frames_of_any_length_show_what_they_overlap_with():
    starts = np.array([0.0, 0.04, 0.5, 0.54, 3.0])
    targets = frame_targets([Segment(0.3, 0.52, "walk")], LABELS, starts, 3.1)
    assert targets[:, 1].tolist() == [0, 1, 1, 0, 0]
    targets = frame_targets([Segment(1.0, 1.001, "walk")], LABELS, starts, 3.1)
    assert targets[:, 1].tolist() == [0, 0, 0, 1, 0]


def test_where_two_segments_meet_within_a_frame_it_shows_both():
    segments = [Segment(0.0, 0.25, "walk"), Segment(0.25, 0.6, "wave")]
    targets = frame_targets(segments, LABELS, np.arange(4) * 0.2, 0.8)
    assert targets.tolist() == [[0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 0]]
    assert targets.dtype == np.float32


def test_a_segment_without_an_end_holds_to_the_last_frame():
    targets = frame_targets([Segment(0.3, math.inf, "wave")], LABELS, np.arange(3) * 0.2, 0.6)
    assert targets[:, 2].tolist() == [0, 1, 1]


def test_a_segment_outside_the_frames_shows_nowhere():
    outside = [Segment(0.0, 0.5, "walk"), Segment(9.0, 10.0, "walk")]
    targets = frame_targets(outside, LABELS, np.array([1.0, 2.0]), 3.0)
    assert targets[:, 0].tolist() == [1, 1]


def test_a_segment_of_the_background_changes_nothing():
    targets = frame_targets([Segment(0.0, 1.0, "background")], LABELS, np.arange(2.0), 2.0)
    assert targets.tolist() == [[1, 0, 0], [1, 0, 0]]


def test_a_video_without_frames_has_no_targets():
    assert frame_targets([Segment(0, 1, "walk")], LABELS, np.array([]), 0.0).shape == (0, 3)


def test_the_mask_holds_the_frames_of_all_segments():
    segments = [Segment(0.0, 0.1, "ambiguous"), Segment(0.7, 0.9, "ambiguous")]
    assert ignore_mask(segments, np.arange(5) * 0.2, 1.0).tolist() == [
        True, False, False, True, True,
    ]  # fmt: skip
    assert not ignore_mask([], np.arange(5) * 0.2, 1.0).any()


def test_a_label_that_is_not_in_the_list_is_refused():
    with pytest.raises(InputError, match=r"the segment at 0\.5 s shows 'run'"):
        frame_targets([Segment(0.5, 1.0, "run")], LABELS, np.arange(2.0), 2.0)


def test_times_that_go_back_are_refused():
    with pytest.raises(InputError, match="do not ascend"):
        frame_targets([], LABELS, np.array([0.0, 2.0, 1.0]), 3.0)
