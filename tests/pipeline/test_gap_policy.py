import pytest

from vidcache.config import GapSettings
from vidcache.frames import Discontinuity
from vidcache.pipeline import GapAction, GapPolicy, StreamSeconds


def decide(*reasons, seconds=None, **settings):
    gaps = [Discontinuity(reason, 1, 0.0, seconds=seconds) for reason in reasons]
    return GapPolicy(GapSettings.model_validate(settings)).decide(gaps)


def test_where_nothing_happened_time_passes_and_all_goes_on():
    assert decide() == GapAction("age", new_session=False)


def test_a_short_reconnect_lets_memory_and_ids_go_on():
    assert decide("reconnect", seconds=0.5) == GapAction("age", new_session=False)


def test_a_longer_reconnect_begins_a_session_and_a_very_long_one_ends_the_memory():
    assert decide("reconnect", seconds=12.0) == GapAction("age", new_session=True)
    assert decide("reconnect", seconds=600.0) == GapAction("reset", new_session=True)


def test_how_long_is_too_long_is_a_setting():
    settings = {"state_reset_seconds": 5.0, "tracker_reset_seconds": 30.0}
    assert decide("reconnect", seconds=12.0, **settings) == GapAction("reset", new_session=False)


def test_no_reconnect_is_too_long_where_nobody_set_a_limit():
    settings = {"state_reset_seconds": None, "tracker_reset_seconds": None}
    assert decide("reconnect", seconds=1e6, **settings) == GapAction("age", new_session=False)


def test_a_jump_of_unknown_length_ends_the_session_but_not_the_memory():
    assert decide("timestamp_jump") == GapAction("age", new_session=True)


def test_a_change_of_size_leaves_the_memory_and_not_the_boxes():
    assert decide("size_change") == GapAction("keep", new_session=True)


def test_a_scene_cut_begins_a_new_session_and_leaves_the_memory_as_the_clip_has_it():
    assert decide("scene_cut") == GapAction("keep", new_session=True)


def test_a_disconnect_has_no_rule_of_its_own():
    assert decide("disconnect") == decide()


@pytest.mark.parametrize("reason", ["reconnect", "timestamp_jump", "size_change", "scene_cut"])
@pytest.mark.parametrize("state", ["keep", "reset"])
@pytest.mark.parametrize("tracker", ["keep", "reset"])
def test_every_rule_can_be_set(reason, state, tracker):
    action = decide(reason, seconds=0.5, state={reason: state}, tracker={reason: tracker})
    assert action == GapAction(state, new_session=tracker == "reset")


def test_of_several_breaks_the_one_that_asks_for_more_decides():
    quiet = {"tracker": {"size_change": "keep"}}
    assert decide("reconnect", "size_change", seconds=0.5, **quiet) == GapAction("age")
    cut = {"state": {"scene_cut": "reset"}}
    both = decide("reconnect", "scene_cut", seconds=0.5, **cut)
    assert both == GapAction("reset", new_session=True)


def follow(*steps):
    seconds = StreamSeconds()
    return [seconds.next(pts, GapAction(state)) for pts, state in steps]


def test_seconds_are_presentation_times_to_the_bit_where_nothing_is_left_out():
    times = [0.1 * index + 7.3 for index in range(100)]
    assert follow(*((pts, "reset" if pts > 10 else "age") for pts in times)) == times


def test_an_aged_gap_counts():
    assert follow((0.0, "age"), (0.5, "age"), (60.5, "age"), (61.0, "age"))[2:] == [60.5, 61.0]


def test_a_kept_gap_is_left_out_of_all_that_follows():
    times = follow((0.0, "age"), (0.5, "age"), (60.5, "keep"), (61.0, "age"), (90.0, "keep"))
    assert times == [0.0, 0.5, 1.0, 1.5, 2.0]


def test_a_kept_gap_after_the_first_frame_takes_no_time_at_all():
    assert follow((5.0, "age"), (65.0, "keep"), (65.5, "age")) == [5.0, 5.0, 5.5]


def test_an_ordinary_step_is_not_lengthened_by_keeping():
    assert follow((0.0, "age"), (0.5, "age"), (0.75, "keep"), (1.0, "age")) == [0, 0.5, 0.75, 1.0]


def test_seconds_never_go_back():
    times = follow((5.0, "age"), (5.5, "age"), (2.0, "age"), (60.0, "keep"), (59.0, "age"))
    assert times == sorted(times)
