"""Cameras that fail while they are watched, and what their source makes of it."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fault_lab import FaultyLink, RtspServer, SilentServer

from vidcache.errors import SourceError
from vidcache.frames import Discontinuity, Frame
from vidcache.video import ReconnectPolicy, Source, SourceState, open_source

POLICY = ReconnectPolicy(first_delay=0.2, factor=2.0, max_delay=1.0)
DEADLINE_SECONDS = 60.0
# Longer than libav looks at a stream before it shows the first picture, which takes a second.
TIMEOUT_SECONDS = 2.0


def supervise(url: str, **settings: object) -> Source:
    """A source that loses nothing and notices silence soon."""
    defaults = {
        "reconnect": POLICY,
        "when_full": "block",
        "open_timeout": 5.0,
        "read_timeout": TIMEOUT_SECONDS,
    }
    return open_source(url, **{**defaults, **settings})  # type: ignore[arg-type]


class Watch:
    """Takes what comes from a source and keeps it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.items: list[Frame | Discontinuity] = []

    @property
    def frames(self) -> list[Frame]:
        return [item for item in self.items if isinstance(item, Frame)]

    @property
    def disconnects(self) -> list[Discontinuity]:
        return [item for item in self.items if isinstance(item, Discontinuity)]

    def until(self, condition: Callable[[], bool]) -> None:
        """Takes items until something is true of them or of the source."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"{self.source.status}, {len(self.items)} items"
            item = self.source.poll(0.2)
            if item is not None:
                self.items.append(item)

    def take_frames(self, count: int) -> list[Frame]:
        """Takes further frames."""
        begin = len(self.frames)
        self.until(lambda: len(self.frames) >= begin + count)
        return self.frames[begin:]

    def take_disconnect(self) -> Discontinuity:
        """Takes items until the next disconnect."""
        begin = len(self.disconnects)
        self.until(lambda: len(self.disconnects) > begin)
        return self.disconnects[begin]

    def take_return(self) -> Frame:
        """Takes items until the first frame after a gap."""
        begin = len(self.frames)
        self.until(lambda: any(frame.gaps for frame in self.frames[begin:]))
        return next(frame for frame in self.frames[begin:] if frame.gaps)


def reasons(frame: Frame) -> list[str]:
    return [gap.reason for gap in frame.gaps]


@pytest.fixture(scope="session")
def sent(clip: Path) -> list[np.ndarray]:
    """Every picture of the clip."""
    with open_source(clip) as source:
        return [frame.image_rgb for frame in source]


def is_sent(frame: Frame, sent: list[np.ndarray]) -> bool:
    return any(np.array_equal(frame.image_rgb, picture) for picture in sent)


def test_a_camera_that_is_killed_again_and_again_comes_back_every_time(
    camera: RtspServer, sent: list[np.ndarray]
) -> None:
    with supervise(camera.url("door.mp4")) as source:
        watch = Watch(source)
        watch.take_frames(30)
        for number in range(1, 4):
            camera.kill()
            lost = watch.take_disconnect()
            assert lost.reason == "disconnect"
            assert lost.detail
            assert source.status.state in (SourceState.BACKOFF, SourceState.CONNECTING)
            camera.start()
            first = watch.take_return()
            assert "after_gap" in first.flags
            assert "reconnect" in reasons(first)
            assert source.status.state is SourceState.LIVE
            assert source.status.num_reconnects == number
            watch.take_frames(10)
    frames = watch.frames
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert np.all(np.diff([frame.pts_seconds for frame in frames]) >= 0)
    # No picture is made up for the time in which there was none.
    assert all(is_sent(frame, sent) for frame in frames if "tainted" not in frame.flags)


def test_the_gap_has_its_true_length_in_the_times_of_the_frames(camera: RtspServer) -> None:
    with supervise(camera.url("door.mp4")) as source:
        watch = Watch(source)
        last = watch.take_frames(10)[-1]
        camera.kill()
        watch.take_disconnect()
        last = watch.frames[-1]
        camera.start()
        first = watch.take_return()
    assert last.time is not None
    assert first.time is not None
    elapsed = first.time - last.time
    assert elapsed > 0.3
    # The clocks of a camera and of a machine agree to the time that a picture takes to arrive.
    assert first.pts_seconds - last.pts_seconds == pytest.approx(elapsed, abs=0.5)


def test_a_frozen_camera_is_given_up_and_taken_up_again(camera: RtspServer) -> None:
    with supervise(camera.url("door.mp4"), stall_seconds=0.5) as source:
        watch = Watch(source)
        watch.take_frames(10)
        camera.freeze()
        watch.until(lambda: source.status.state is SourceState.STALLED)
        assert "answer" in watch.take_disconnect().detail
        camera.thaw()
        assert "reconnect" in reasons(watch.take_return())
        watch.take_frames(10)


def test_a_camera_may_be_off_at_the_start(start_camera: Callable[..., RtspServer]) -> None:
    camera = start_camera(running=False)
    with supervise(camera.url("door.mp4")) as source:
        assert source.is_live
        watch = Watch(source)
        watch.until(lambda: source.status.num_attempts >= 2)
        assert "refused" in source.status.detail
        camera.start()
        assert len(watch.take_frames(10)) == 10
        assert source.size == (160, 120)


def test_a_wrong_path_that_is_put_right_is_found(
    start_camera: Callable[..., RtspServer], clip: Path
) -> None:
    camera = start_camera()
    camera.remove("door.mp4")
    with supervise(camera.url("door.mp4")) as source:
        watch = Watch(source)
        watch.until(lambda: "404" in source.status.detail)
        camera.put("door.mp4", clip)
        watch.take_frames(10)


def test_a_camera_that_says_nothing_is_left_and_tried_again(
    start_camera: Callable[..., RtspServer],
) -> None:
    camera = start_camera(running=False)
    silent = SilentServer(camera.port)
    with silent, supervise(camera.url("door.mp4"), open_timeout=1.0) as source:
        watch = Watch(source)
        watch.until(lambda: "answer" in source.status.detail)
        silent.close()
        camera.start()
        watch.take_frames(10)


def test_the_end_of_a_live_stream_is_a_disconnect(link: FaultyLink) -> None:
    with supervise(link.url("door.mp4")) as source:
        watch = Watch(source)
        watch.take_frames(10)
        link.cut()
        watch.take_disconnect()
        assert "reconnect" in reasons(watch.take_return())


def test_a_camera_may_come_back_with_another_size(camera: RtspServer, wide_clip: Path) -> None:
    with supervise(camera.url("door.mp4")) as source:
        watch = Watch(source)
        assert watch.take_frames(10)[-1].image_rgb.shape == (120, 160, 3)
        camera.kill()
        camera.put("door.mp4", wide_clip)
        camera.start()
        assert watch.take_return().image_rgb.shape == (120, 240, 3)


@pytest.mark.parametrize("seconds", [-3600.0, 3600.0])
def test_a_clock_that_is_set_anew_does_not_move_the_times(link: FaultyLink, seconds: float) -> None:
    with supervise(link.url("door.mp4")) as source:
        watch = Watch(source)
        watch.take_frames(10)
        link.shift_timestamps(seconds)
        watch.until(lambda: any("timestamp_jump" in frame.flags for frame in watch.frames))
        watch.take_frames(10)
    steps = np.diff([frame.pts_seconds for frame in watch.frames])
    assert np.all(steps >= 0)
    assert steps.max() < 10.0


def test_a_camera_that_fails_costs_its_neighbour_no_frame(
    camera: RtspServer, start_camera: Callable[..., RtspServer]
) -> None:
    neighbour = start_camera()
    with (
        supervise(camera.url("door.mp4")) as faulty,
        supervise(neighbour.url("door.mp4")) as healthy,
    ):
        good, bad = Watch(healthy), Watch(faulty)
        done = threading.Event()
        thread = threading.Thread(target=lambda: good.until(done.is_set))
        thread.start()
        try:
            bad.take_frames(10)
            camera.freeze()
            bad.take_disconnect()
            camera.kill()
            bad.until(lambda: "refused" in faulty.status.detail)
            camera.start()
            bad.take_frames(10)
        finally:
            done.set()
            thread.join()
    assert good.disconnects == []
    assert [frame.index for frame in good.frames] == list(range(len(good.frames)))
    assert np.allclose(np.diff([frame.pts_seconds for frame in good.frames]), 0.04, atol=0.002)
    assert not any("tainted" in frame.flags for frame in good.frames)


def test_a_camera_that_never_comes_is_given_up_when_the_attempts_are_used_up(
    start_camera: Callable[..., RtspServer],
) -> None:
    policy = ReconnectPolicy(first_delay=0.05, max_delay=0.1, max_attempts=3)
    url = start_camera(running=False).url("door.mp4", user="me:secret")
    with supervise(url, reconnect=policy) as source:
        with pytest.raises(SourceError, match="refused") as caught:
            Watch(source).until(lambda: False)
        assert source.ended
        assert source.status.state is SourceState.ENDED
    assert "secret" not in str(caught.value) + repr(source.status)


def test_a_camera_that_is_waited_for_is_closed_at_once(
    start_camera: Callable[..., RtspServer],
) -> None:
    policy = ReconnectPolicy(first_delay=600.0, max_delay=600.0)
    with supervise(start_camera(running=False).url("door.mp4"), reconnect=policy) as source:
        Watch(source).until(lambda: source.status.state is SourceState.BACKOFF)
        closed = threading.Thread(target=source.close)
        closed.start()
        closed.join(30)
        assert not closed.is_alive()
    assert source.poll(0) is None


def test_a_held_up_line_is_caught_up_with(link: FaultyLink) -> None:
    with supervise(
        link.url("door.mp4"), when_full="oldest", max_latency=1.0, read_timeout=30.0
    ) as source:
        watch = Watch(source)
        before = watch.take_frames(30)[-1]
        link.stall()
        timer = threading.Timer(4.0, link.flow)
        timer.start()
        watch.take_frames(50)
        timer.join()
        seen, taken, dropped = source.num_seen, len(watch.frames), source.num_dropped
    after = watch.frames[-1]
    assert before.time is not None
    assert after.time is not None
    # What was shown last is as young against the clock as what was shown before the line stalled.
    lag = (after.time - before.time) - (after.pts_seconds - before.pts_seconds)
    assert lag < 1.5
    assert dropped > 0
    assert taken + dropped <= seen <= taken + dropped + 4
