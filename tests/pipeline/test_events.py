import pytest

from vidcache.errors import ConfigError
from vidcache.frames import Event
from vidcache.pipeline.events import EventDetector

FPS = 10


def detect(scores, *, min_seconds=0.0, min_gap_seconds=0.0, label="walk", **settings):
    """Feeds one label's scores at 10 frames a second; returns (found at, event) pairs."""
    detector = EventDetector(
        enter=0.6, leave=0.4, min_seconds=min_seconds, min_gap_seconds=min_gap_seconds, **settings
    )
    found = []
    for frame, score in enumerate(scores):
        scores_by_label = {} if score is None else {label: score}
        found += [(frame, e) for e in detector.update(frame, frame / FPS, scores_by_label)]
    found += [("end", e) for e in detector.finish(len(scores), len(scores) / FPS)]
    return found


def brief(found):
    return [(at, event.kind, event.frame) for at, event in found]


def test_nothing_happens_below_the_entering_score():
    assert detect([0.0, 0.59, 0.5, 0.59, 0.1]) == []


def test_an_action_begins_at_enter_and_ends_below_leave():
    found = detect([0.1, 0.6, 0.9, 0.4, 0.39, 0.1])
    assert brief(found) == [(1, "start", 1), (4, "end", 4)]
    assert found[0][1] == Event("start", "walk", 1, 0.1)
    assert found[1][1] == Event("end", "walk", 4, 0.4)


def test_scores_between_the_thresholds_neither_begin_nor_end():
    assert brief(detect([0.5, 0.5, 0.7, 0.5, 0.45, 0.55, 0.1])) == [(2, "start", 2), (6, "end", 6)]


def test_flicker_around_the_entering_score_gives_one_action():
    scores = [0.2, 0.61, 0.59, 0.61, 0.58, 0.62, 0.2]
    assert brief(detect(scores)) == [(1, "start", 1), (6, "end", 6)]


def test_an_action_shorter_than_the_minimum_leaves_no_event():
    assert detect([0.1, 0.9, 0.9, 0.9, 0.1, 0.1], min_seconds=0.5) == []


def test_a_start_is_announced_late_but_names_its_first_frame():
    found = detect([0.1] + 8 * [0.9] + [0.1], min_seconds=0.5)
    assert brief(found) == [(6, "start", 1), (9, "end", 9)]


def test_a_candidate_that_dips_below_leave_starts_over():
    scores = [0.9, 0.9, 0.1, 0.9, 0.9, 0.9, 0.9, 0.1]
    assert brief(detect(scores, min_seconds=0.3)) == [(6, "start", 3), (7, "end", 7)]


def test_a_short_dip_does_not_end_an_action():
    scores = [0.9, 0.9, 0.1, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1]
    found = detect(scores, min_gap_seconds=0.25)
    assert brief(found) == [(0, "start", 0), (8, "end", 5)]
    assert found[1][1].pts_seconds == 0.5


def test_an_open_action_is_ended_at_the_end_of_the_stream():
    assert brief(detect([0.1, 0.9, 0.9])) == [(1, "start", 1), ("end", "end", 3)]


def test_an_action_that_was_about_to_end_keeps_the_frame_at_which_it_did():
    found = detect([0.9, 0.9, 0.1], min_gap_seconds=1.0)
    assert brief(found) == [(0, "start", 0), ("end", "end", 2)]


def test_a_candidate_at_the_end_of_the_stream_leaves_no_event():
    assert detect([0.1, 0.9, 0.9], min_seconds=0.5) == []


def test_a_label_that_is_missing_counts_as_zero():
    assert brief(detect([0.9, None])) == [(0, "start", 0), (1, "end", 1)]


def test_times_count_and_not_frames():
    detector = EventDetector(enter=0.6, leave=0.4, min_seconds=0.5, min_gap_seconds=0.0)
    assert detector.update(0, 0.0, {"walk": 0.9}) == []
    assert detector.update(1, 5.0, {"walk": 0.9}) == [Event("start", "walk", 0, 0.0)]


def test_several_actions_are_open_at_once():
    detector = EventDetector(enter=0.4, leave=0.3, min_seconds=0.0, min_gap_seconds=0.0)
    detector.update(0, 0.0, {"walk": 0.5, "wave": 0.4})
    assert detector.open_labels == ("walk", "wave")
    assert detector.update(1, 0.1, {"walk": 0.6, "wave": 0.1}) == [Event("end", "wave", 1, 0.1)]
    assert detector.open_labels == ("walk",)


def test_an_end_stands_before_a_start_at_the_same_frame():
    detector = EventDetector(enter=0.6, leave=0.4, min_seconds=0.0, min_gap_seconds=0.0)
    detector.update(0, 0.0, {"jump": 0.1, "walk": 0.9})
    kinds = [(e.kind, e.label) for e in detector.update(1, 0.1, {"jump": 0.9, "walk": 0.1})]
    assert kinds == [("end", "walk"), ("start", "jump")]


def test_ignored_labels_make_no_events():
    assert detect([0.9, 0.9, 0.1], label="nobody", ignored=frozenset({"nobody"})) == []


def test_every_start_has_one_end_whatever_the_scores():
    # A fixed pseudo-random walk through all score ranges.
    scores = [(37 * i * i + 11 * i) % 101 / 100 for i in range(500)]
    for min_seconds, min_gap in [(0.0, 0.0), (0.2, 0.0), (0.0, 0.3), (0.3, 0.2)]:
        found = detect(scores, min_seconds=min_seconds, min_gap_seconds=min_gap)
        kinds = [event.kind for _, event in found]
        assert kinds == ["start", "end"] * (len(kinds) // 2)
        assert kinds
        frames = [event.frame for _, event in found]
        assert frames == sorted(frames)


def test_a_finished_detector_is_as_new():
    detector = EventDetector(enter=0.6, leave=0.4, min_seconds=0.0)
    detector.update(0, 0.0, {"walk": 0.9})
    detector.finish(1, 0.1)
    assert detector.open_labels == ()
    assert detector.finish(1, 0.1) == []
    assert [e.frame for e in detector.update(0, 0.0, {"walk": 0.9})] == [0]


def test_a_leaving_score_above_the_entering_one_is_refused():
    with pytest.raises(ConfigError, match=r"events.leave \(0.8\) must not lie above"):
        EventDetector(enter=0.6, leave=0.8)
