import pytest
from sink_input import HEADER, make_result

from vidcache.errors import ConfigError
from vidcache.frames import ActionScore, Discontinuity, Event, LabelChange, Track
from vidcache.video.sinks.event_messages import EventMessages


def begun(name=None, **settings):
    messages = EventMessages(name, **settings)
    messages.begin(dict(HEADER))
    return messages


def test_an_action_is_told_when_it_begins_and_when_it_ends():
    messages = begun("door")
    start = Event("start", "walk", 5, 0.2)
    end = Event("end", "walk", 55, 2.2)
    assert messages.of_result(make_result(0)) == []
    (first,) = messages.of_result(make_result(20, events=(start,), time=1000.8))
    (last,) = messages.of_result(make_result(60, events=(end,), time=1002.4))
    assert first.pop("id") != last.pop("id")
    about = {"schema": 1, "source": "door", "type": "event", "label": "walk"}
    assert first == {**about, "kind": "start", "frame": 5, "pts": 0.2, "time": 1000.2}
    assert last == {
        **{**about, "kind": "end", "frame": 55, "pts": 2.2, "time": 1002.2},
        "seconds": 2.0,
    }


def test_updates_come_while_an_action_goes_on_and_not_after():
    messages = begun(update_seconds=1.0)
    told = []
    for index in range(100):
        events = ()
        if index == 10:
            events = (Event("start", "walk", 0, 0.0),)
        elif index == 80:
            events = (Event("end", "walk", 75, 3.0),)
        told += messages.of_result(make_result(index, events=events))
    updates = [message for message in told if message["kind"] == "update"]
    assert [message["frame"] for message in updates] == [25, 50, 75]
    assert [message["seconds"] for message in updates] == [1.0, 2.0, 3.0]
    assert updates[0]["score"] == 0.9


def test_discontinuities_are_told_and_what_is_open_at_the_end():
    messages = begun()
    lost = Discontinuity("disconnect", 3, 0.1, "no answer", 5.0)
    told = messages.of_gap(lost)
    assert (told["type"], told["reason"], told["detail"]) == (
        *("discontinuity", "disconnect", "no answer"),
    )
    back = Discontinuity("reconnect", 3, 9.1)
    (told,) = messages.of_result(make_result(3, 9.1, events=(back,), actions=()))
    assert told["reason"] == "reconnect"
    end = {"events": [Event("end", "walk", 9, 1.0)]}
    assert [message["kind"] for message in messages.of_end(end)] == ["end"]
    assert messages.of_end(None) == []


def test_ids_are_unique_over_runs():
    messages = EventMessages()
    events = (Event("start", "walk", 0, 0.0),)
    ids = set()
    for _ in range(3):
        messages.begin(dict(HEADER))
        for index in range(5):
            result = make_result(index, events=events, actions=(ActionScore("walk", 1.0),))
            ids |= {message["id"] for message in messages.of_result(result)}
    assert len(ids) == 15


def test_a_time_between_updates_that_makes_no_sense_is_refused():
    with pytest.raises(ConfigError, match="update_seconds=0"):
        EventMessages(update_seconds=0)


def test_objects_that_do_the_same_are_told_apart():
    messages = begun(update_seconds=1.0)
    box = (0.0, 0.0, 9.0, 9.0)
    objects = (Track(4, "person", 0.9, box, action="walk", action_score=0.7),)
    starts = tuple(Event("start", "walk", 0, 0.0, number, 1) for number in (4, 5))
    end = Event("end", "walk", 10, 0.4, 5, 1)
    told = messages.of_result(make_result(0, events=starts))
    told += messages.of_result(make_result(10, events=(end,)))
    told += messages.of_result(make_result(50, objects=objects, session=1, actions=()))
    assert [(m["kind"], m["object"], m["session"]) for m in told] == [
        *(("start", 4, 1), ("start", 5, 1), ("end", 5, 1), ("update", 4, 1))
    ]
    assert (told[2]["seconds"], told[3]["seconds"], told[3]["score"]) == (0.4, 2.0, 0.7)


def test_new_labels_are_told_of():
    messages = EventMessages("door")
    messages.begin({})
    change = LabelChange(7, 0.28, ("nobody", "wave"))
    (message,) = messages.of_result(make_result(7, events=(change,)))
    assert (message["type"], message["labels"]) == ("labels", ["nobody", "wave"])
    assert (message["frame"], message["source"]) == (7, "door")
