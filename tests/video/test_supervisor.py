"""Sources that fail in ways that need no server; real ones are in ``tests/faults``."""

import http.server
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from vidcache.errors import SourceError
from vidcache.frames import Discontinuity, Frame
from vidcache.video import ReconnectPolicy, SourceState, open_source
from vidcache.video.feed import Buffering
from vidcache.video.handover import Handover
from vidcache.video.locations import locate
from vidcache.video.reading import ReadOptions, StreamInfo, TimedFrame
from vidcache.video.source import Source
from vidcache.video.supervisor import Supervision, Supervisor

SOON = ReconnectPolicy(first_delay=0.01, max_delay=0.02)
INFO = StreamInfo((64, 48), 25.0, True, None, None, 0.0, "h264", "test")


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)


class ScriptedReader:
    """Gives pictures, then does what its script says: ends, fails, or hangs as a driver does."""

    def __init__(self, pictures, then, *, skips=0):
        self.info = None
        self.truncated = False
        self.num_skipped = 0
        self._pictures = pictures
        self._then = then
        self._skips = skips

    def frames(self, stopped: Callable[[], bool]) -> Iterator[TimedFrame]:
        for number, image in enumerate(self._pictures):
            self.info = INFO
            yield TimedFrame(Frame(image, number, number * 0.04, 0.0), None)
        self.num_skipped = self._skips
        if isinstance(self._then, Exception):
            raise self._then
        if isinstance(self._then, threading.Event):
            assert self._then.wait(60)
            yield TimedFrame(Frame(picture(99), 99, 99.0), None)


def supervise(*readers: ScriptedReader, policy: ReconnectPolicy = SOON, **timeouts) -> Source:
    """A camera whose connections are these, one after another."""
    left = iter(readers)
    location = locate("rtsp://me:secret@camera.invalid/door")
    handover = Handover()
    options = ReadOptions(**{"open_timeout": 5.0, "read_timeout": 5.0, **timeouts})
    supervision = Supervision(policy, stall_seconds=0.1, settle_seconds=5.0)
    feed = Supervisor(
        location,
        lambda: next(left),
        handover,
        Buffering(64, "block", options),
        options,
        supervision,
    )
    feed.start()
    return Source(location, feed, handover)


def take(source: Source, count: int) -> list[Frame | Discontinuity]:
    items = [source.poll(60) for _ in range(count)]
    assert None not in items
    return [item for item in items if item is not None]


def supervising_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("vidcache-")]


def test_frames_go_on_in_number_and_time_and_say_what_lay_between() -> None:
    event = threading.Event()
    readers = [
        ScriptedReader([picture(0), picture(1)], SourceError("x", reason="the line is cut")),
        ScriptedReader([], SourceError("y", reason="still cut")),
        ScriptedReader([picture(2), picture(3)], event),
    ]
    with supervise(*readers) as source:
        first, second, lost, back, last = take(source, 5)
        assert source.status.num_reconnects == 1
        event.set()
    assert isinstance(lost, Discontinuity)
    assert (lost.reason, lost.frame, lost.detail) == ("disconnect", 2, "the line is cut")
    assert lost.pts_seconds == 0.04
    frames = [item for item in (first, second, back, last) if isinstance(item, Frame)]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.flags for frame in frames] == [(), (), ("after_gap",), ()]
    assert frames[2].pts_seconds > 0.04
    assert frames[3].pts_seconds == pytest.approx(frames[2].pts_seconds + 0.04)
    (gap,) = frames[2].gaps
    assert (gap.reason, gap.frame, gap.pts_seconds) == ("reconnect", 2, frames[2].pts_seconds)
    assert gap.detail.startswith("the line is cut; ")
    assert gap.detail.endswith(" s without pictures, 2 attempts")


def test_a_camera_that_was_down_at_the_start_begins_at_zero() -> None:
    event = threading.Event()
    readers = [
        ScriptedReader([], SourceError("x", reason="refused")),
        ScriptedReader([picture(0)], event),
    ]
    with supervise(*readers) as source:
        lost, frame = take(source, 2)
        assert source.known
        event.set()
    assert isinstance(lost, Discontinuity)
    assert (lost.reason, lost.frame, lost.pts_seconds) == ("disconnect", 0, 0.0)
    assert isinstance(frame, Frame)
    assert (frame.index, frame.pts_seconds, frame.flags) == (0, 0.0, ())
    assert [gap.reason for gap in frame.gaps] == ["reconnect"]


def test_blank_and_repeated_pictures_after_a_gap_are_tainted() -> None:
    event = threading.Event()
    blank = np.full((48, 64, 3), 128, np.uint8)
    readers = [
        ScriptedReader([picture(0)], None),
        ScriptedReader([blank, picture(0), picture(1), picture(1)], event),
    ]
    with supervise(*readers) as source:
        items = take(source, 6)
        event.set()
    frames = [item for item in items if isinstance(item, Frame)]
    assert ["tainted" in frame.flags for frame in frames] == [False, True, True, False, False]


def test_a_reader_that_hangs_is_left_behind_and_heard_no_more() -> None:
    hangs, last = threading.Event(), threading.Event()
    readers = [ScriptedReader([picture(0)], hangs), ScriptedReader([picture(1)], last)]
    with supervise(*readers, read_timeout=0.1) as source:
        items = take(source, 2)
        assert isinstance(items[1], Discontinuity)
        assert items[1].detail.startswith("no picture for ")
        (back,) = take(source, 1)
        hangs.set()
        assert isinstance(back, Frame)
        assert back.index == 1
        assert source.poll(0.2) is None
        last.set()


def test_never_more_than_one_reader_is_left_behind() -> None:
    hangs = [threading.Event() for _ in range(3)]
    readers = [ScriptedReader([picture(number)], hangs[number]) for number in range(3)]
    before = len(supervising_threads())
    with supervise(*readers, read_timeout=0.1) as source:
        take(source, 3)
        deadline = threading.Event()
        # The second one hangs as well, and stays the one that is waited for.
        while source.status.state is not SourceState.STALLED:
            deadline.wait(0.02)
        assert source.poll(2.0) is None
        assert len(supervising_threads()) - before == 3
        hangs[0].set()
        lost, back = take(source, 2)
        assert isinstance(lost, Discontinuity)
        assert isinstance(back, Frame)
        for event in hangs:
            event.set()


def test_frames_skipped_at_the_end_of_a_connection_are_counted() -> None:
    event = threading.Event()
    readers = [
        ScriptedReader([picture(0)], None, skips=7),
        ScriptedReader([picture(1)], event),
    ]
    with supervise(*readers) as source:
        _, lost, back = take(source, 3)
        assert isinstance(lost, Discontinuity)
        assert lost.frame == 8
        assert isinstance(back, Frame)
        assert back.index == 8
        assert source.num_seen == 9
        assert source.dropped_by_cause == {"full": 0, "late": 0, "skipped": 7}
        event.set()


def test_a_slow_consumer_is_not_taken_for_a_silent_camera() -> None:
    event = threading.Event()
    reader = ScriptedReader([picture(number) for number in range(100)], event)
    with supervise(reader, read_timeout=0.1) as source:
        take(source, 1)
        # The buffer is full for longer than a camera may be silent.
        threading.Event().wait(1.5)
        assert source.status.state is SourceState.LIVE
        items = take(source, 80)
        assert all(isinstance(item, Frame) for item in items)
        event.set()


def test_no_word_of_a_source_holds_its_password() -> None:
    readers = [ScriptedReader([], ValueError("rtsp://me:secret@camera.invalid/door: driver"))]
    with supervise(*readers, policy=ReconnectPolicy(0.01, max_attempts=1)) as source:
        assert "secret" not in repr(source)
        lost = source.poll(60)
        with pytest.raises(SourceError) as caught:
            source.poll(60)
        assert source.ended
        words = f"{lost} {caught.value} {source.status} {source!r}"
    assert "secret" not in words
    assert "ValueError: rtsp://***@camera.invalid/door: driver" in words


def test_a_camera_that_refuses_is_asked_seldom() -> None:
    refused = SourceError("x", reason="the password is wrong (401)", retry="slowly")
    policy = ReconnectPolicy(first_delay=0.01, max_delay=600.0, jitter=0.0)
    with supervise(ScriptedReader([], refused), policy=policy) as source:
        take(source, 1)
        assert source.status.state is SourceState.BACKOFF
        assert source.status.retry_seconds == 600.0
        assert source.status.detail == "the password is wrong (401)"


def test_a_camera_that_is_not_plugged_in_is_waited_for() -> None:
    with open_source(99, reconnect=SOON) as source:
        assert source.is_live
        assert not source.known
        (lost,) = take(source, 1)
        assert isinstance(lost, Discontinuity)
        assert "camera" in lost.detail
        with pytest.raises(SourceError, match="no picture yet"):
            _ = source.size


def test_an_error_of_a_source_crosses_to_another_process_whole() -> None:
    error = pickle.loads(pickle.dumps(SourceError("no", reason="why", retry="never")))
    assert (str(error), error.reason, error.retry) == ("no", "why", "never")


def test_a_synthetic_camera_has_a_true_end() -> None:
    uri = "lavfi:testsrc2=size=64x48:rate=50:duration=0.2,realtime"
    with open_source(uri, reconnect=SOON, when_full="block") as source:
        assert source.is_live
        assert len(list(source)) == 10
        assert source.status.state is SourceState.ENDED
        assert source.num_seen == 10


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("lavfi:no_such_filter,realtime", "not a graph"),
        ("nosuch://camera.invalid/door", "not supported"),
    ],
)
def test_what_no_waiting_mends_ends_the_source(uri: str, words: str) -> None:
    with open_source(uri, reconnect=SOON) as source, pytest.raises(SourceError, match=words):
        source.poll(60)


def test_a_file_takes_no_notice_of_a_policy(make_video: Callable[..., Path]) -> None:
    with open_source(make_video("clip.mp4", num_frames=5), reconnect=SOON) as source:
        assert source.known
        assert len(list(source)) == 5
    with pytest.raises(SourceError, match="no such file"):
        open_source("none.mp4", reconnect=SOON)


class _Camera(http.server.BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for index in range(5):
            _, jpeg = cv2.imencode(".jpg", picture(index))
            data = jpeg.tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data + b"\r\n")


def test_an_mjpeg_camera_that_closes_the_connection_is_called_again() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Camera) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_address[1]}/camera"
        with open_source(uri, reconnect=SOON, when_full="block") as source:
            assert source.is_live
            items = take(source, 13)
        server.shutdown()
    kinds = ["frame" if isinstance(item, Frame) else item.reason for item in items]
    assert kinds == [*["frame"] * 5, "disconnect"] * 2 + ["frame"]
    frames = [item for item in items if isinstance(item, Frame)]
    assert [frame.index for frame in frames] == list(range(11))
