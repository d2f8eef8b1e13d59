import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sink_input import feed, make_result

from vidcache.errors import InputError, SinkError
from vidcache.frames import (
    ActionScore,
    Discontinuity,
    Event,
    Frame,
    FrameResult,
    LabelChange,
    Track,
)
from vidcache.video import JsonlSink, iter_records, read_jsonl, records_from_result

HEADER = {
    "source": "camera.mp4",
    "labels": ["nobody", "walk"],
    "model": "tiny",
    "detector": "none",
    "cache": {"window": 64},
    "size": [64, 48],
    "frame_rate": 25.0,
}


def frame(index: int) -> Frame:
    return Frame(np.zeros((48, 64, 3), np.uint8), index, index / 25)


def result(index: int, **fields: object) -> FrameResult:
    values: dict[str, object] = {
        "action": "walk",
        "actions": (ActionScore("walk", 0.912345), ActionScore("nobody", 0.087655)),
        "objects": (Track(1, "person", 0.87654321, (1.23456, 2.0, 30.5, 40.123)),),
        **fields,
    }
    return FrameResult(index, index / 3, **values)  # type: ignore[arg-type]


def test_a_whole_file_has_the_records_of_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    event = Event("start", "walk", 0, 0.0)
    gap = Discontinuity("timestamp_jump", 1, 0.333333)
    with JsonlSink(path) as sink:
        sink.open(HEADER)
        sink.write(frame(0), result(0, events=(event,)))
        sink.write(frame(1), result(1, events=(gap,), flags=("after_gap",)))
        sink.close({"frames": 2, "dropped": 0, "truncated": False})
        assert sink.closed
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["type"] for line in lines] == [
        *("header", "frame", "event", "discontinuity", "frame", "end")
    ]
    assert lines[0] == {"type": "header", "schema": 1, **HEADER}
    assert list(lines[0])[:2] == ["type", "schema"]
    assert lines[1] == {
        "type": "frame",
        "frame": 0,
        "pts": 0.0,
        "action": "walk",
        "actions": [{"label": "walk", "score": 0.9123}, {"label": "nobody", "score": 0.0877}],
        "objects": [{"id": 1, "label": "person", "score": 0.8765, "box": [1.23, 2.0, 30.5, 40.12]}],
        "flags": [],
    }
    assert lines[2] == {"type": "event", "kind": "start", "label": "walk", "frame": 0, "pts": 0.0}
    assert lines[3] == {
        "type": "discontinuity",
        "reason": "timestamp_jump",
        "frame": 1,
        "pts": 0.333333,
    }
    assert lines[4]["pts"] == 0.333333
    assert lines[4]["flags"] == ["after_gap"]
    assert lines[5] == {"type": "end", "frames": 2, "dropped": 0, "truncated": False}


def test_live_results_carry_their_wall_time_and_sessions_their_number() -> None:
    (record,) = records_from_result(result(0, time=1_700_000_000.1239, session=2))
    assert record["time"] == 1_700_000_000.124
    assert record["session"] == 2
    (record,) = records_from_result(result(0))
    assert "time" not in record
    assert "session" not in record


def test_what_json_does_not_know_is_written_as_what_it_knows(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with JsonlSink(path) as sink:
        sink.open({"source": Path("a.mp4"), "rate": np.float32(2.5), "ratio": float("nan")})
        sink.close({"frames": np.int64(0), "fps": float("inf"), "label": "tänzeln"})
    text = path.read_text(encoding="utf-8")
    assert "NaN" not in text
    assert "tänzeln" in text
    recording = read_jsonl(path)
    assert recording.header["rate"] == 2.5
    assert recording.header["ratio"] is None
    assert recording.end == {"type": "end", "frames": 0, "fps": None, "label": "tänzeln"}


def test_every_line_is_there_as_soon_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with JsonlSink(path) as sink:
        sink.open(HEADER)
        for index in range(3):
            sink.write(frame(index), result(index))
            assert len(path.read_text().splitlines()) == index + 2


def test_a_lost_camera_is_told_at_once_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    lost = Discontinuity("disconnect", 1, 0.0, "no answer for 10 s", 1_700_000_000.5)
    with JsonlSink(path) as sink:
        sink.open(HEADER)
        sink.write(frame(0), result(0))
        sink.announce(lost)
        assert json.loads(path.read_text().splitlines()[-1]) == {
            "type": "discontinuity",
            "reason": "disconnect",
            "frame": 1,
            "pts": 0.0,
            "detail": "no answer for 10 s",
            "time": 1_700_000_000.5,
        }
        sink.write(frame(1), result(1))
    assert read_jsonl(path).events == (lost,)
    assert read_jsonl(path).frames[1].events == (lost,)


def test_leaving_without_an_end_leaves_a_file_that_says_it_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with JsonlSink(path) as sink:
        sink.open(HEADER)
        sink.write(frame(0), result(0))
    recording = read_jsonl(path)
    assert not recording.complete
    assert recording.end is None
    assert len(recording.frames) == 1
    assert "cut off" in repr(recording)


def test_results_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    start = Event("start", "walk", 0, 0.0)
    gap = Discontinuity("reconnect", 1, 0.333333, "5.5 s", 9.5, 5.5)
    with JsonlSink(path) as sink:
        sink.open(HEADER)
        sink.write(frame(0), result(0, events=(start,)))
        sink.write(frame(1), result(1, events=(gap,), time=5.5, session=1))
        sink.close({"frames": 2, "events": (Event("end", "walk", 1, 0.333333),)})
    recording = read_jsonl(path)
    assert recording.complete
    first, second = recording.frames
    assert first.actions[0] == ActionScore("walk", 0.9123)
    assert first.objects[0].box_xyxy == (1.23, 2.0, 30.5, 40.12)
    assert first.events == (start,)
    assert second.events == (gap, Event("end", "walk", 1, 0.333333))
    assert (second.time, second.session) == (5.5, 1)
    assert [type(event).__name__ for event in recording.events] == [
        "Event",
        "Discontinuity",
        "Event",
    ]


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with JsonlSink(path) as sink:
        sink.open(HEADER)
        for index in range(3):
            sink.write(frame(index), result(index))
    path.write_bytes(path.read_bytes()[:-40])
    assert len(read_jsonl(path).frames) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no header"),
        ('{"type": "frame", "frame": 0}\n', "does not begin with a header"),
        ('{"type": "header", "schema": 7}\n', "schema version 7, this program reads 1"),
        ('{"type": "header", "schema": 1}\nnonsense\n', "line 2: this is not JSON"),
        ('{"type": "header", "schema": 1}\n[1]\n', "line 2: expected a JSON object"),
        ('{"type": "header", "schema": 1}\n{"type": "frame"}\n', "a frame record without 'frame'"),
    ],
)
def test_what_is_no_file_of_results_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_jsonl(path)


def test_unknown_records_of_the_same_schema_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"type": "header", "schema": 1}\n{"type": "note", "text": "x"}\n')
    assert read_jsonl(path).frames == ()
    assert [record["type"] for record in iter_records(path)] == ["header", "note"]


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="No such file or directory"):
        JsonlSink(tmp_path / "none" / "results.jsonl").open(HEADER)
    with pytest.raises(SinkError, match="call open"):
        JsonlSink(tmp_path / "results.jsonl").write(frame(0), result(0))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_error_that_says_so() -> None:
    with pytest.raises(SinkError, match="No space left"):
        JsonlSink("/dev/full").open(HEADER)


def test_results_on_standard_output_stop_cleanly_when_the_reader_has_gone() -> None:
    program = (
        "import numpy as np\n"
        "from vidcache.errors import SinkError\n"
        "from vidcache.frames import ActionScore, Frame, FrameResult\n"
        "from vidcache.video import JsonlSink\n"
        "import sys\n"
        "sink = JsonlSink('-')\n"
        "try:\n"
        "    sink.open({'source': 'x'})\n"
        "    for i in range(100000):\n"
        "        sink.write(None, FrameResult(i, i / 25, 'walk', (ActionScore('walk', 1.0),)))\n"
        "except SinkError as error:\n"
        "    sys.stderr.write(str(error))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(process.stdout.readline())["type"] == "header"
    process.stdout.close()
    message = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0
    assert message == b"cannot write results to '-': whoever was reading them has gone"


def test_results_on_standard_output_reach_whoever_captures_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with JsonlSink("-") as sink:
        sink.open(HEADER)
        sink.close({"frames": 0})
    assert [json.loads(x)["type"] for x in capsys.readouterr().out.splitlines()] == [
        "header",
        "end",
    ]


def test_what_each_object_does_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    box = (1.0, 2.0, 30.5, 40.0)
    objects = (
        Track(1, "person", 0.9, box, action="walk", action_score=0.75),
        Track(2, "person", 0.9, box, action="unsure"),
        Track(3, "dog", 0.9, box),
    )
    event = Event("start", "walk", 0, 0.0, object_id=1, session=2)
    with JsonlSink(path) as sink:
        sink.open(HEADER)
        sink.write(frame(0), result(0, objects=objects, session=2, events=(event,)))
        sink.close({"frames": 1})
    shown, told = [json.loads(line) for line in path.read_text().splitlines()[1:3]]
    assert [item.get("action", "none") for item in shown["objects"]] == ["walk", "unsure", "none"]
    assert [item.get("action_score") for item in shown["objects"]] == [0.75, None, None]
    assert (told["object"], told["session"]) == (1, 2)
    recording = read_jsonl(path)
    assert recording.events == (event,)
    assert recording.frames[0].objects == objects


def test_new_labels_have_a_record_before_the_first_frame_that_is_scored_by_them(tmp_path):
    change = LabelChange(1, 0.04, ("nobody", "wave"))
    path = tmp_path / "results.jsonl"
    feed(JsonlSink(path), [make_result(0), make_result(1, events=(change,)), make_result(2)])
    records = list(iter_records(path))
    assert [record["type"] for record in records] == [
        *("header", "frame", "labels", "frame", "frame", "end")
    ]
    assert records[2] == {"type": "labels", "frame": 1, "pts": 0.04, "labels": ["nobody", "wave"]}
    recording = read_jsonl(path)
    assert recording.events == (change,)
    assert [frame.events for frame in recording.frames] == [(), (change,), ()]
