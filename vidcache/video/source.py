"""An opened video: frames decoded on a thread of their own, handed out one by one."""

import os
import threading
import weakref
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from vidcache.errors import ConfigError, SourceError, VidcacheError
from vidcache.frames import Frame
from vidcache.video.closing import Closing
from vidcache.video.handover import Handover
from vidcache.video.locations import Location, locate
from vidcache.video.reading import Reader, ReadOptions, StreamInfo

__all__ = ["Source", "open_source"]

_FILE_BUFFER_FRAMES = 8
_LIVE_BUFFER_FRAMES = 2
_CLOSE_SECONDS = 2.0


class Source(Closing):
    """An opened video, an iterator of its frames and a context manager.

    Made by `open_source`. Decoding goes on in the background while a frame is worked on. A file
    is read without loss; a live source never makes its reader late: frames that come while the
    buffer is full push the oldest one out, and `num_dropped` counts them. Frames are numbered as
    they come from the decoder, so a gap in `Frame.index` shows where frames were dropped.
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
        frame = self._handover.get()
        if frame is None:
            raise StopIteration
        if self._first is None:
            self._first = (frame.index, frame.pts_seconds)
        index, pts_seconds = self._first
        if index == 0:
            return frame
        # What a camera showed before anybody looked is not part of the video.
        return replace(
            frame, index=frame.index - index, pts_seconds=frame.pts_seconds - pts_seconds
        )

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
    def num_dropped(self) -> int:
        """Frames dropped so far because they came faster than they were taken."""
        return self._handover.num_dropped

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
    when_full: Literal["auto", "wait", "drop_oldest"] = "auto",
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
        when_full: What happens when they do: ``wait``, or ``drop_oldest``; ``auto`` drops for a
            live source only.
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
    options = ReadOptions(
        max_size, open_timeout, read_timeout, camera_size, camera_rate, dict(libav_options or {})
    )
    reader = _make_reader(location, backend, options)
    handover = Handover()
    thread = threading.Thread(
        target=_decode,
        args=(reader, handover, location, buffer_frames, when_full),
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


def _decode(
    reader: Reader,
    handover: Handover,
    location: Location,
    buffer_frames: int | None,
    when_full: str,
) -> None:
    """Body of the decoding thread: everything that it meets reaches the consumer."""
    error: BaseException | None = None
    frames = reader.frames(lambda: handover.closed)
    try:
        for frame in frames:
            if frame.index == 0:
                live = reader.info is not None and reader.info.is_live
                drop = when_full == "drop_oldest" or (when_full == "auto" and live)
                default = _LIVE_BUFFER_FRAMES if drop else _FILE_BUFFER_FRAMES
                handover.configure(buffer_frames or default, drop_oldest=drop)
            if not handover.put(frame):
                break
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
