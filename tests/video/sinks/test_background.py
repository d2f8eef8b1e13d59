import json
import os
import threading
import tracemalloc

import pytest
from in_memory import RecordingSink
from sink_input import HEADER, make_frame, make_result, make_track

from vidcache.errors import InputError, SinkError
from vidcache.frames import Discontinuity, Event
from vidcache.video import JsonlSink
from vidcache.video.sinks import BackgroundSink

LIVE = {**HEADER, "live": True}
LOST = Discontinuity("disconnect", 99, 3.9, "no answer", 1.0)


class FullPipe:
    """A pipe that has a reader who does not read until it is told to."""

    def __init__(self, path):
        self.path = path
        os.mkfifo(path)
        self._read = threading.Event()
        self.lines = []
        self._thread = threading.Thread(target=self._body)
        self._thread.start()

    def _body(self):
        with self.path.open(encoding="utf-8") as file:
            self._read.wait(60)
            self.lines = [json.loads(line) for line in file]

    def drain(self):
        self._read.set()

    def finish(self):
        self.drain()
        self._thread.join(60)
        return self.lines


@pytest.fixture
def pipe(tmp_path):
    pipe = FullPipe(tmp_path / "pipe")
    yield pipe
    pipe.finish()


def frames_of(lines):
    return [line["frame"] for line in lines if line["type"] == "frame"]


def test_a_live_source_never_waits_for_a_full_pipe_and_all_is_accounted_for(pipe):
    sink = BackgroundSink(JsonlSink(pipe.path), buffer_items=16, with_pictures=False)
    sink.open(dict(LIVE))
    for index in range(2000):
        sink.write(make_frame(index), make_result(index))
    assert sink.num_dropped > 0
    pipe.drain()
    sink.close({"frames": 2000})
    found = frames_of(pipe.finish())
    assert found == sorted(set(found))
    assert len(found) + sink.num_dropped == 2000
    assert pipe.lines[-1]["type"] == "end"


def test_no_event_of_a_live_source_is_lost_with_the_results_that_are(pipe):
    sink = BackgroundSink(JsonlSink(pipe.path), buffer_items=4, with_pictures=False)
    sink.open(dict(LIVE))
    for index in range(2000):
        event = Event("start" if index % 2 else "end", "walk", index, index / 25)
        sink.write(make_frame(index), make_result(index, events=(event,) * (index % 10 == 0)))
    sink.announce(LOST)
    pipe.drain()
    sink.close({"frames": 2000})
    lines = pipe.finish()
    assert len(frames_of(lines)) < 2000
    assert [x["frame"] for x in lines if x["type"] == "event"] == list(range(0, 2000, 10))
    assert [x["reason"] for x in lines if x["type"] == "discontinuity"] == ["disconnect"]


def test_results_of_a_file_wait_and_none_is_lost(pipe):
    sink = BackgroundSink(JsonlSink(pipe.path), buffer_items=4)
    sink.open(dict(HEADER))
    done = threading.Event()

    def write():
        for index in range(1000):
            sink.write(make_frame(index), make_result(index))
        sink.close({"frames": 1000})
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert not done.wait(0.3)
    pipe.drain()
    writer.join(60)
    assert frames_of(pipe.finish()) == list(range(1000))
    assert sink.num_dropped == 0


def test_an_output_that_takes_nothing_more_does_not_keep_the_program_from_ending(pipe):
    sink = BackgroundSink(
        JsonlSink(pipe.path), buffer_items=16, with_pictures=False, close_seconds=0.2
    )
    sink.open(dict(LIVE))
    # One such result is more than a pipe holds.
    crowd = tuple(make_track(number) for number in range(2000))
    for index in range(100):
        sink.write(make_frame(index), make_result(index, objects=crowd))
    with pytest.raises(SinkError, match=r"jsonl took nothing for 0\.2 s: its last 1\d results"):
        sink.close({"frames": 100})
    assert sink.num_dropped >= 98
    assert sink.closed
    sink.close()


def test_a_failure_in_the_background_is_raised_at_the_next_call_and_ends_the_sink():
    inner = RecordingSink(fail_at=3)
    sink = BackgroundSink(inner, buffer_items=2)
    sink.open(dict(HEADER))

    def write():
        for index in range(100):
            sink.write(make_frame(index), make_result(index))

    with pytest.raises(SinkError, match=r"recording failed: OSError\('disk full'\)"):
        write()
    assert sink.closed
    assert inner.num_closed == 1
    sink.close({})
    assert [result.index for result in inner.results] == [0, 1, 2]


def test_a_failure_at_the_very_end_is_raised_by_close():
    sink = BackgroundSink(RecordingSink(fail_at=3), buffer_items=8)
    sink.open(dict(HEADER))
    for index in range(4):
        sink.write(make_frame(index), make_result(index))
    with pytest.raises(SinkError, match="disk full"):
        sink.close({})


def test_what_needs_no_pictures_keeps_none_in_memory(pipe):
    sink = BackgroundSink(JsonlSink(pipe.path), buffer_items=1000, with_pictures=False)
    sink.open(dict(LIVE))
    tracemalloc.start()
    for index in range(900):
        sink.write(make_frame(index, size=(320, 240)), make_result(index))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 900 * 320 * 240 * 3 / 10
    pipe.drain()
    sink.close({})


def test_the_size_of_a_picture_is_known_without_it():
    inner = RecordingSink()
    shapes = []
    inner.write = lambda frame, result: shapes.append(frame.image_rgb.shape)
    with BackgroundSink(inner, with_pictures=False) as sink:
        sink.open(dict(HEADER))
        sink.write(make_frame(0, size=(64, 48)), make_result(0))
    assert shapes == [(48, 64, 3)]


def test_misuse_is_an_error():
    with pytest.raises(InputError, match="buffer_items=0"):
        BackgroundSink(RecordingSink(), buffer_items=0)
    sink = BackgroundSink(RecordingSink())
    with pytest.raises(SinkError, match="call open"):
        sink.write(make_frame(0), make_result(0))
    sink.close()
