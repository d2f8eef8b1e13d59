"""An annotated H.264 MP4 with the source's own timestamps."""

import os
import queue
import threading
import time
from pathlib import Path
from typing import Any, Literal

from vidcache.errors import SinkError, VidcacheError
from vidcache.frames import Discontinuity, Frame, FrameResult
from vidcache.video.closing import Closing
from vidcache.video.sinks.mp4_writer import Mp4Writer
from vidcache.video.sinks.overlay import Overlay

__all__ = ["VideoSink"]

_BUFFER_FRAMES = 8
_DEFAULT_RATE = 25.0
# A container's length is believed if the last frame then lasts at most this many usual frames.
_LONGEST_LAST_FRAME = 8.0


class VideoSink(Closing):
    """Writes the frames, annotated, as H.264 in an MP4.

    Every frame keeps its presentation time, so a variable frame rate stays one and the file lasts
    as long as the source. The file plays up to about a second ago even if the program is killed.
    Drawing and encoding happen on a thread of their own.

    Args:
        path: The file, which is replaced if it exists.
        overlay: What draws on the frames. ``"auto"`` draws with the labels of the header; None
            writes the frames as they are.
        crf: Quality, 0 (lossless, huge) to 51 (worst).
        preset: Speed of the encoder, in the names of x264.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        overlay: Overlay | Literal["auto"] | None = "auto",
        crf: int = 23,
        preset: str = "veryfast",
    ) -> None:
        self._path = Path(path)
        self._overlay = overlay
        self._crf = crf
        self._preset = preset
        self._header: dict[str, Any] = {}
        self._items: queue.Queue[tuple[Frame, FrameResult] | None] = queue.Queue(_BUFFER_FRAMES)
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._finished = False
        self._complete = False
        self._emptied = False
        self._stage_times: dict[str, tuple[float, int]] = {}

    @property
    def closed(self) -> bool:
        """True once it takes no more results."""
        return self._finished

    @property
    def stage_times(self) -> dict[str, tuple[float, int]]:
        """Seconds and frames so far of ``draw`` and ``write``, which happen on another thread."""
        return dict(self._stage_times)

    def open(self, header: dict[str, Any]) -> None:
        """Begin a file. See `Sink.open`.

        Of the header, ``labels``, ``frame_rate`` and ``duration`` (seconds, where the source
        knows them) are used.
        """
        try:
            self._path.open("wb").close()
        except OSError as error:
            raise SinkError(
                f"cannot write the video '{self._path}': {error.strerror or error}"
            ) from error
        self._header = header
        if self._overlay == "auto":
            self._overlay = Overlay(header.get("labels", ()))
        self._thread = threading.Thread(
            target=self._encode, name=f"vidcache-encode {self._path.name}", daemon=True
        )
        self._thread.start()

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Take one frame; waits while too many are waiting to be encoded. See `Sink.write`."""
        if self._thread is None or self._finished:
            raise SinkError(f"'{self._path}' is not open: call open(header) before write")
        self._raise_error()
        self._items.put((frame, result))

    def announce(self, discontinuity: Discontinuity) -> None:
        """Nothing: the last frame is shown until the next one comes. See `Sink.announce`."""

    def close(self, end: dict[str, Any] | None = None) -> None:
        """Encode what is waiting and finish the file. See `Sink.close`.

        Unless ``end`` says that the video is ``truncated``, its last frame lasts until the
        ``duration`` of the header.
        """
        if self._finished:
            return
        self._finished = True
        self._complete = end is not None and not end.get("truncated")
        if self._thread is not None:
            self._items.put(None)
            self._thread.join()
        self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _encode(self) -> None:
        """Body of the encoding thread; after an error it goes on emptying the queue."""
        try:
            self._encode_all()
        except VidcacheError as known:
            self._error = known
        except Exception as unknown:
            self._error = SinkError(f"writing the video '{self._path}' failed: {unknown!r}")
            self._error.__cause__ = unknown
        while not self._emptied:
            self._next_item()

    def _next_item(self) -> tuple[Frame, FrameResult] | None:
        item = self._items.get()
        self._emptied = item is None
        return item

    def _encode_all(self) -> None:
        overlay = self._overlay if isinstance(self._overlay, Overlay) else None
        first = self._next_item()
        if first is None:
            # A video of no frames is no video.
            self._path.unlink(missing_ok=True)
            return
        height, width = first[0].image_rgb.shape[:2]
        rate = float(self._header.get("frame_rate") or _DEFAULT_RATE)
        with Mp4Writer(
            self._path, (width, height), rate, crf=self._crf, preset=self._preset
        ) as writer:
            item: tuple[Frame, FrameResult] | None = first
            last_seconds = step = 0.0
            while item is not None:
                frame, result = item
                start = time.perf_counter()
                image = frame.image_rgb if overlay is None else overlay.draw(frame, result)
                drawn = time.perf_counter()
                writer.write(image, frame.pts_seconds)
                self._count_time("draw", drawn - start)
                self._count_time("write", time.perf_counter() - drawn)
                step = max(step * 0.9, frame.pts_seconds - last_seconds)
                last_seconds = frame.pts_seconds
                item = self._next_item()
            writer.close(self._end_seconds(last_seconds, step or 1 / rate))

    def _count_time(self, stage: str, seconds: float) -> None:
        total, num_frames = self._stage_times.get(stage, (0.0, 0))
        self._stage_times[stage] = (total + seconds, num_frames + 1)

    def _end_seconds(self, last_seconds: float, step: float) -> float | None:
        """When the last frame ends by the container, if the video was written to its end."""
        duration = self._header.get("duration") if self._complete else None
        if duration and 0 < duration - last_seconds <= _LONGEST_LAST_FRAME * step:
            return float(duration)
        return None
