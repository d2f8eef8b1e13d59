import numpy as np
import pytest

from vidcache.config import GapSettings
from vidcache.frames import Discontinuity, Frame
from vidcache.pipeline import GapDetector

RECONNECT = Discontinuity("reconnect", 1, 0.04)


def frame(index, pts_seconds, size=(4, 6), flags=(), time=None, gaps=()):
    image = np.zeros((*size, 3), np.uint8)
    return Frame(image, index, pts_seconds, time=time, flags=flags, gaps=gaps)


def scene(seed, index, flags=()):
    """A picture of large patches, as a frame at 25 a second."""
    patches = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), np.uint8)
    return Frame(patches.repeat(20, 0).repeat(20, 1), index, index / 25, flags=flags)


def found(*frames, **settings):
    gaps = GapDetector(GapSettings(**settings))
    return [gaps.update(item) for item in frames]


def reasons(*frames, **settings):
    return [[gap.reason for gap in gaps] for gaps in found(*frames, **settings)]


def test_frames_that_follow_each_other_have_no_gap():
    assert reasons(frame(0, 0.0), frame(1, 0.04), frame(2, 2.0)) == [[], [], []]


def test_a_long_step_in_time_is_a_jump_that_says_how_long():
    _, (gap,) = found(frame(0, 0.0), frame(1, 9.0))
    assert gap == Discontinuity("timestamp_jump", 1, 9.0, "9.0 s", seconds=9.0)


def test_how_long_a_step_must_be_is_a_setting():
    frames = frame(0, 0.0), frame(1, 9.0)
    assert reasons(*frames, seconds=10.0) == [[], []]


def test_a_step_backwards_that_the_source_has_hidden_is_a_jump_of_unknown_length():
    jump = frame(1, 0.04, flags=("timestamp_jump",))
    _, (gap,), after = found(frame(0, 0.0), jump, frame(2, 0.08))
    assert (gap.reason, gap.seconds, gap.detail) == (
        "timestamp_jump",
        None,
        "the clock was set back",
    )
    assert after == ()


def test_a_jump_of_a_cameras_clock_lasts_as_long_as_by_the_clock_on_the_wall():
    _, (gap,) = found(frame(0, 0.0, time=1000.0), frame(1, 3600.0, time=1000.5))
    assert (gap.reason, gap.seconds, gap.time) == ("timestamp_jump", 0.5, 1000.5)


def test_a_jump_over_dropped_frames_says_how_many():
    _, (gap,) = found(frame(0, 0.0), frame(76, 3.04))
    assert gap.detail == "3.0 s, frames dropped: 75"
    # A camera that thaws sends everything at once.
    _, (gap,) = found(frame(0, 0.0, time=50.0), frame(31, 3.1, time=50.0))
    assert (gap.detail, gap.seconds) == ("3.1 s, frames dropped: 30", 3.1)


@pytest.mark.parametrize("flags", [(), ("after_gap", "timestamp_jump")])
def test_a_reconnect_is_told_with_its_length_and_is_not_also_a_jump(flags):
    back = frame(1, 12.3, time=1012.3, flags=flags, gaps=(RECONNECT,))
    _, (gap,) = found(frame(0, 0.0, time=1000.0), back)
    assert (gap.reason, gap.detail, gap.time) == ("reconnect", "12.3 s", 1012.3)
    assert gap.seconds == pytest.approx(12.3)


def test_what_a_source_says_about_its_gaps_is_kept():
    told = Discontinuity("reconnect", 1, 0.04, "after 3 attempts", 5.0, 3.5)
    assert found(frame(0, 0.0), frame(1, 0.04, gaps=(told,)))[1] == (told,)


def test_gaps_in_front_of_the_first_frame_are_told():
    assert found(frame(1, 0.04, gaps=(RECONNECT,))) == [(RECONNECT,)]


def test_a_change_of_size_is_a_gap_that_names_both_sizes():
    _, (gap,) = found(frame(0, 0.0), frame(1, 0.04, size=(8, 6)))
    assert (gap.reason, gap.detail) == ("size_change", "6x4 -> 6x8")


def test_a_scene_cut_is_a_gap():
    *before, (gap,), after = found(scene(0, 0), scene(0, 1), scene(1, 2), scene(1, 3))
    assert (gap.reason, gap.frame) == ("scene_cut", 2)
    assert gap.detail.startswith("difference 0.")
    assert (before, after) == ([(), ()], ())


def test_scene_cuts_are_not_looked_for_where_they_are_not_wanted():
    assert reasons(scene(0, 0), scene(1, 1), scene_cuts=False) == [[], []]


def test_a_damaged_frame_makes_no_scene_cut():
    damaged = scene(1, 1, flags=("tainted",))
    assert reasons(scene(0, 0), damaged, scene(0, 2)) == [[], [], []]


def test_a_damaged_frame_hides_no_scene_cut():
    damaged = scene(1, 1, flags=("tainted",))
    assert reasons(scene(0, 0), damaged, scene(1, 2)) == [[], [], ["scene_cut"]]


def test_a_camera_that_comes_back_elsewhere_tells_both():
    moved = Frame(scene(1, 1).image_rgb, 1, 12.0, gaps=(RECONNECT,))
    assert reasons(scene(0, 0), moved) == [[], ["reconnect", "scene_cut"]]
