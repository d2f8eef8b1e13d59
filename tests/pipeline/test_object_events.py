from vidcache.frames import ActionScore
from vidcache.pipeline import EventDetector
from vidcache.pipeline.object_events import ObjectEvents

RATE = 10


def make_events(**settings):
    settings = {"enter": 0.6, "leave": 0.4, "min_seconds": 0.3, "min_gap_seconds": 0.2, **settings}
    return ObjectEvents(lambda: EventDetector(**settings))


def walking(*numbers):
    return {number: (ActionScore("walk", 0.9), ActionScore("run", 0.1)) for number in numbers}


def story(events, frames):
    """All events of frames, each given as (session, scores)."""
    found = []
    for index, (session, scores) in enumerate(frames):
        found += events.update(index, index / RATE, session, scores)
    return [(e.kind, e.label, e.frame, e.object_id, e.session) for e in found]


def test_objects_begin_and_end_by_themselves():
    frames = [(0, walking(*([1] if i < 8 else []), *([2] if i >= 3 else []))) for i in range(20)]
    events = make_events()
    assert story(events, frames) == [
        *(("start", "walk", 0, 1, 0), ("start", "walk", 3, 2, 0), ("end", "walk", 8, 1, 0))
    ]
    (last,) = events.finish(20, 2.0)
    assert (last.kind, last.frame, last.object_id) == ("end", 20, 2)
    assert events.finish(20, 2.0) == []


def test_an_object_that_is_hidden_for_a_moment_goes_on():
    frames = [(0, walking(1) if i != 6 else {}) for i in range(12)]
    assert story(make_events(), frames) == [("start", "walk", 0, 1, 0)]


def test_in_a_new_session_the_numbers_are_of_others():
    frames = [(int(i >= 6), walking(1)) for i in range(12)]
    assert story(make_events(), frames) == [
        *(("start", "walk", 0, 1, 0), ("end", "walk", 6, 1, 0), ("start", "walk", 6, 1, 1))
    ]


def test_nothing_is_held_of_objects_that_are_gone():
    events = make_events()
    for index in range(1000):
        events.update(index, index / RATE, 0, walking(index // 5))
    assert len(events._detectors) <= 2
