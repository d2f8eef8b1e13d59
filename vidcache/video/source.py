"""An opened video: frames decoded on a thread of their own, handed out one by one."""

import os
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal, get_args

from vidcache.errors import ConfigError, SourceError, VidcacheError
from vidcache.frames import Discontinuity, Frame
from vidcache.video.closing import Closing
from vidcache.video.handover import Handover, WhenFull
from vidcache.video.locations import Location, locate
from vidcache.video.reading import Reader, ReadOptions, StreamInfo

__all__ = ["Source", "open_source"]

_FILE_BUFFER_FRAMES = 8
_LIVE_BUFFER_FRAMES = 2
_CLOSE_SECONDS = 2.0


class Source(Closing):
    """An opened video, an iterator of its frames and a context manager.

    Made by `open_source`. Decoding goes on in the background while a frame is worked on. A file
    is read without loss; a live source never makes its reader late: of the frames that come while
    the buffer is full some are dropped, and counted. Frames are numbered as they come from the
    decoder, so a gap in `Frame.index` shows where frames were dropped.

    Iterating gives frames; `poll` gives also what happened to the source, and need not wait.
    """

    def __init__(
        self, location: Location, reader: Reader, handover: Handover, thread: threading.Thread
    ) -> None:
        self._location = location
        self._reader = reader
        self._handover = handover
        self._thread = thread
        self._first: tuple[int, float] | None = None
        # A source that is forgotten instead of closed must not leave its thread waiting.
        self._finalizer = weakref.finalize(self, handover.close)

    def __iter__(self) -> "Source":
        return self

    def __next__(self) -> Frame:
        """The next frame, waiting for it if need be.

        Raises:
            StopIteration: The video has ended, or the source was closed.
            SourceError: It could not be read on.
        """
        while (item := self.poll(None)) is not None:
            if isinstance(item, Frame):
                return item
        raise StopIteration

    def poll(self, timeout: float | None = None) -> Frame | Discontinuity | None:
        """The next frame, or news of the source, in order.

        Args:
            timeout: Seconds to wait for it at most; 0 does not wait, None waits until it comes.

        Returns:
            A frame; or a discontinuity that stands for itself: a ``disconnect``, after which no
            frames come until further notice. None if nothing came in time, and at once when the
            source has `ended`.

        Raises:
            SourceError: The source could not be read on. It has ended then.
        """
        item = self._handover.get(timeout)
        if item is None:
            return None
        if self._first is None:
            if isinstance(item, Discontinuity):
                return replace(item, frame=0, pts_seconds=0.0)
            self._first = (item.index, item.pts_seconds)
        index, pts_seconds = self._first
        # What a camera showed before anybody looked is not part of the video.
        return item if index == 0 else _shift(item, -index, -pts_seconds)

    def set_listener(self, listener: Callable[[], None] | None) -> None:
        """Have a function called whenever `poll` may have something new to say.

        One thread can so wait for many sources: each calls the listener when a frame or news has
        come, when it has ended and when it was closed; and at once if there is something already.

        Args:
            listener: Called from any thread, without a lock held. It must neither wait nor raise,
                such as one that sets an event. None takes it away.
        """
        self._handover.set_listener(listener)

    def close(self) -> None:
        """Stop decoding and let everything go. Never hangs; closing twice is fine.

        A decoder that waits for the network at that moment ends when its time-out has passed.
        """
        self._handover.close()
        if self._thread is not threading.current_thread():
            self._thread.join(_CLOSE_SECONDS)

    @property
    def info(self) -> StreamInfo:
        """Everything that is known about the stream."""
        info = self._reader.info
        if info is None:
            raise SourceError(f"'{self.uri}' was closed before its first picture")
        return info

    @property
    def uri(self) -> str:
        """What was opened, with credentials hidden."""
        return self._location.shown

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the first frame, upright. A later frame may differ."""
        return self.info.size

    @property
    def frame_rate(self) -> float:
        """Average frames a second, as the container or the camera says."""
        return self.info.frame_rate

    @property
    def is_live(self) -> bool:
        """True if the source goes on in real time, whether it is read or not."""
        return self.info.is_live

    @property
    def num_frames_estimate(self) -> int | None:
        """Frames in all by the container, which may be wrong; None if unknown."""
        return self.info.num_frames_estimate

    @property
    def duration_seconds(self) -> float | None:
        """Length by the container; None if unknown or live."""
        return self.info.duration_seconds

    @property
    def num_seen(self) -> int:
        """Frames that came from the first one taken on; once it ended, taken and dropped ones."""
        return self._handover.num_seen

    @property
    def num_dropped(self) -> int:
        """Frames of a live source that were dropped so far."""
        return sum(self.dropped_by_cause.values())

    @property
    def dropped_by_cause(self) -> dict[str, int]:
        """Frames dropped so far, by cause.

        ``full``: the buffer was full. ``late``: older than ``max_latency``. ``skipped``: not even
        decoded, to catch up with what the network or a slow machine had held back.
        """
        return self._handover.dropped_by_cause

    @property
    def ended(self) -> bool:
        """True once everything was taken and nothing more comes."""
        return self._handover.ended

    @property
    def truncated(self) -> bool:
        """True once the video is known to have ended before its end."""
        return self._reader.truncated

    def __repr__(self) -> str:
        info = self.info
        live = ", live" if info.is_live else ""
        width, height = info.size
        return f"Source({self.uri!r}, {width}x{height}, {info.frame_rate:.4g} frames/s{live})"


def open_source(
    uri: str | int | os.PathLike[str],
    *,
    backend: Literal["auto", "pyav", "opencv"] = "auto",
    max_size: int | None = None,
    buffer_frames: int | None = None,
    when_full: Literal["auto", "block", "latest", "oldest"] = "auto",
    max_latency: float | None = None,
    open_timeout: float = 10.0,
    read_timeout: float = 10.0,
    camera_size: tuple[int, int] | None = None,
    camera_rate: float | None = None,
    libav_options: Mapping[str, str] | None = None,
) -> Source:
    """Open a video and decode its first picture.

    Args:
        uri: A file; a camera number or ``/dev/videoN``; ``rtsp://…`` (opened over TCP);
            ``http(s)://…`` (a file, MJPEG or HLS); or ``lavfi:GRAPH``, a synthetic camera such as
            ``lavfi:testsrc2=size=640x360:rate=25``, which is live if the graph ends in
            ``,realtime``.
        backend: ``auto`` reads cameras with OpenCV and all else with PyAV.
        max_size: Longest side of the frames in pixels; larger ones are shrunk while decoding.
        buffer_frames: Decoded frames that may wait; by default 8, and 2 for a live source.
        when_full: What happens when another one comes: ``block`` makes the decoder wait,
            ``oldest`` drops the frame that has waited longest, ``latest`` the one that came.
            ``auto`` is ``oldest`` for a live source and ``block`` for a file.
        max_latency: Age in seconds at which a frame of a live source is dropped instead of being
            handed out. It counts against the frame that came quickest.
        open_timeout: Seconds that a network source may take to open.
        read_timeout: Seconds that it may then take for the next packet.
        camera_size: Width and height to ask a camera for; it gives the nearest it can.
        camera_rate: Frames a second to ask a camera for.
        libav_options: Options handed to libav as they are (PyAV only).

    Raises:
        SourceError: It cannot be opened, or has not one picture.
        ConfigError: An option that makes no sense.
        MissingExtraError: The backend is not installed.

    Example:
        >>> with open_source("lavfi:testsrc2=size=64x48:rate=10:duration=1") as source:
        ...     [frame.pts_seconds for frame in source][:3]
        [0.0, 0.1, 0.2]
    """
    location = locate(uri)
    if max_size is not None and max_size < 1:
        raise ConfigError(f"max_size={max_size}: expected a number of pixels of at least 1")
    if buffer_frames is not None and buffer_frames < 1:
        raise ConfigError(f"buffer_frames={buffer_frames}: expected at least 1")
    if when_full not in ("auto", *get_args(WhenFull)):
        known = ", ".join(map(repr, get_args(WhenFull)))
        raise ConfigError(f"when_full={when_full!r}: expected 'auto', {known}")
    if max_latency is not None and not max_latency > 0:
        raise ConfigError(f"max_latency={max_latency}: expected seconds, more than 0")
    options = ReadOptions(
        max_size,
        open_timeout,
        read_timeout,
        camera_size,
        camera_rate,
        dict(libav_options or {}),
        max_latency,
    )
    reader = _make_reader(location, backend, options)
    handover = Handover()
    thread = threading.Thread(
        target=_decode,
        args=(reader, handover, location, buffer_frames, when_full, max_latency),
        name=f"vidcache-decode {location.shown}",
        daemon=True,
    )
    source = Source(location, reader, handover, thread)
    thread.start()
    try:
        handover.wait_for_first()
    except BaseException:
        source.close()
        raise
    return source


def _make_reader(location: Location, backend: str, options: ReadOptions) -> Reader:
    if backend not in ("auto", "pyav", "opencv"):
        raise ConfigError(f"backend={backend!r}: expected 'auto', 'pyav' or 'opencv'")
    if backend == "auto":
        backend = "opencv" if location.kind == "camera" else "pyav"
    if backend == "opencv":
        from vidcache.video.opencv_reader import OpencvReader

        return OpencvReader(location, options)
    from vidcache.video.pyav_reader import PyavReader

    return PyavReader(location, options)


def _shift(item: Frame | Discontinuity, num_frames: int, seconds: float) -> Frame | Discontinuity:
    """The item at another place of the video."""
    pts_seconds = item.pts_seconds + seconds
    if isinstance(item, Discontinuity):
        return replace(item, frame=item.frame + num_frames, pts_seconds=pts_seconds)
    gaps = tuple(
        replace(gap, frame=gap.frame + num_frames, pts_seconds=gap.pts_seconds + seconds)
        for gap in item.gaps
    )
    return replace(item, index=item.index + num_frames, pts_seconds=pts_seconds, gaps=gaps)


def _decode(
    reader: Reader,
    handover: Handover,
    location: Location,
    buffer_frames: int | None,
    when_full: Literal["auto", "block", "latest", "oldest"],
    max_latency: float | None,
) -> None:
    """Body of the decoding thread: everything that it meets reaches the consumer."""
    error: BaseException | None = None
    num_skipped = 0
    frames = reader.frames(lambda: handover.closed)
    try:
        for timed in frames:
            if timed.frame.index == 0:
                live = reader.info is not None and reader.info.is_live
                policy = ("oldest" if live else "block") if when_full == "auto" else when_full
                default = _FILE_BUFFER_FRAMES if policy == "block" else _LIVE_BUFFER_FRAMES
                handover.configure(buffer_frames or default, policy, max_latency if live else None)
            num_skipped = _count_skipped(reader, handover, num_skipped)
            if not handover.put(timed.frame, timed.due):
                break
        _count_skipped(reader, handover, num_skipped)
    except VidcacheError as known:
        error = known
    except Exception as unknown:
        error = SourceError(
            f"reading '{location.shown}' failed: {type(unknown).__name__}: {unknown}"
        )
        error.__cause__ = unknown
    finally:
        close = getattr(frames, "close", None)
        if close is not None:
            close()
        handover.finish(error)


def _count_skipped(reader: Reader, handover: Handover, known: int) -> int:
    """Count what the reader has skipped beyond what is known, and return all of it."""
    now = reader.num_skipped
    handover.count_skipped(now - known)
    return now
