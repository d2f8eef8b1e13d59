from sink_input import feed, make_result

from vidcache.frames import Event
from vidcache.video import WebVttSink


def cues(text):
    """(start, end, label) of each cue; fails on what is no WebVTT."""
    signature, *blocks = text.split("\n\n")
    assert signature == "WEBVTT"
    assert blocks.pop() == ""
    found = []
    for block in blocks:
        timing, label = block.split("\n")
        start, end = timing.split(" --> ")
        found.append((seconds(start), seconds(end), label))
    return found


def seconds(timestamp):
    hours, minutes, rest = timestamp.split(":")
    assert len(rest) == len("00.000")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def story(*moments):
    """Results at these times, each with (kind, label, time) events."""
    return [
        make_result(
            number,
            now,
            events=tuple(Event(kind, label, number, at) for kind, label, at in events),
        )
        for number, (now, *events) in enumerate(moments)
    ]


def test_an_action_is_a_cue_from_its_start_to_its_end(tmp_path):
    path = tmp_path / "camera.vtt"
    feed(
        WebVttSink(path),
        story((1.5, ("start", "walk", 1.0)), (4000.0, ("end", "walk", 3999.875))),
    )
    assert cues(path.read_text()) == [(1.0, 3999.875, "walk")]
    assert "00:00:01.000 --> 01:06:39.875" in path.read_text()


def test_the_file_is_valid_after_every_frame_and_cues_come_in_order(tmp_path):
    path = tmp_path / "camera.vtt"
    results = story(
        (0.5, ("start", "stand", 0.0)),
        (2.0, ("start", "wave", 1.5)),
        (3.0, ("start", "jump", 2.5)),
        (4.0, ("end", "wave", 3.5)),
        (5.0, ("end", "jump", 4.5), ("start", "wave", 4.5)),
        (6.0, ("end", "stand", 6.0)),
        (7.0, ("end", "wave", 6.5)),
    )
    with WebVttSink(path) as sink:
        sink.open({})
        for result in results:
            sink.write(None, result)
            starts = [start for start, _, _ in cues(path.read_text())]
            assert starts == sorted(starts)
    shown = {}
    for start, end, label in cues(path.read_text()):
        if shown.get(label, [(0, None)])[-1][1] == start:
            shown[label][-1] = (shown[label][-1][0], end)
        else:
            shown.setdefault(label, []).append((start, end))
    assert shown == {
        "stand": [(0.0, 6.0)],
        # The second wave began before the first pause could be told.
        "wave": [(1.5, 3.5), (4.5, 6.5)],
        "jump": [(2.5, 4.5)],
    }


def test_what_is_open_at_the_end_ends_with_the_stream(tmp_path):
    path = tmp_path / "camera.vtt"
    end = {"frames": 1, "events": [Event("end", "walk", 1, 2.0)]}
    feed(WebVttSink(path), story((0.5, ("start", "walk", 0.0))), end=end)
    assert cues(path.read_text()) == [(0.0, 2.0, "walk")]


def test_labels_cannot_break_the_file(tmp_path):
    path = tmp_path / "camera.vtt"
    label = "a --> b\n\n<i>&"
    feed(WebVttSink(path), story((1.0, ("start", label, 0.0), ("end", label, 1.0))))
    assert cues(path.read_text()) == [(0.0, 1.0, "a --&gt; b &lt;i&gt;&amp;")]


def test_an_action_of_no_time_has_no_cue(tmp_path):
    path = tmp_path / "camera.vtt"
    feed(WebVttSink(path), story((1.0, ("start", "walk", 1.0), ("end", "walk", 1.0))))
    assert path.read_text() == "WEBVTT\n\n"


def test_what_objects_do_is_shown_with_their_numbers(tmp_path):
    path = tmp_path / "camera.vtt"
    starts = tuple(Event("start", "walk", 0, 0.0, number) for number in (1, 2))
    ends = tuple(Event("end", "walk", 50, 2.0, number) for number in (1, 2))
    feed(WebVttSink(path), [make_result(0, events=starts), make_result(60, events=ends)])
    shown = cues(path.read_text())
    assert {text for _, _, text in shown} == {"1: walk", "2: walk"}
    assert all((start, end) == (0.0, 2.0) for start, end, _ in shown)
