# pyright: basic
"""Pictures with their times into an H.264 MP4 that is playable at any moment."""

import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import MissingExtraError, SinkError
from vidcache.video.closing import Closing
from vidcache.video.sinks.output_file import OutputFile

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

__all__ = ["Mp4Writer"]

# Divides every usual frame rate, and is as fine as containers' own times.
_TICKS_PER_SECOND = 90_000
_KEYFRAME_SECONDS = 1.0
# frag_keyframe+empty_moov: readable while it is written; hybrid_fragmented: a plain MP4 at the end.
_MOVFLAGS = "frag_keyframe+empty_moov+default_base_moof+hybrid_fragmented"
_BT709 = 1
_LIMITED_RANGE = 1


class Mp4Writer(Closing):
    """Encodes pictures one by one, each shown from its own time until the next one's.

    The file can be played up to about a second ago at any time, even if the program is killed.
    There are no B-frames: every picture is stored at exactly its time, the first one included.

    Args:
        path: The file, which is replaced if it exists.
        size: Width and height; odd ones lose their last column or row.
        frame_rate: Frames a second, as a hint to the encoder.
        crf: Quality, 0 (lossless, huge) to 51 (worst).
        preset: Speed of the encoder, in the names of x264.

    Raises:
        SinkError: The file cannot be written.
        MissingExtraError: PyAV is not installed.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "black.mp4"
        >>> with Mp4Writer(path, (64, 48), 10.0) as writer:
        ...     for i in range(5):
        ...         writer.write(np.zeros((48, 64, 3), np.uint8), i / 10)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        size: tuple[int, int],
        frame_rate: float,
        *,
        crf: int = 23,
        preset: str = "veryfast",
    ) -> None:
        self._path = Path(path)
        self._size = (max(2, size[0] // 2 * 2), max(2, size[1] // 2 * 2))
        self._frame_ticks = max(1, round(_TICKS_PER_SECOND / max(frame_rate, 0.01)))
        self._waiting: Packet[VideoStream] | None = None
        self._last_ticks: int | None = None
        self._keyframe_ticks = 0
        self._closed = False
        try:
            self._file = OutputFile(self._path)
        except OSError as error:
            raise self._failure(error) from error
        self._container = self._open()
        self._stream = self._add_stream(frame_rate, crf, preset)

    def write(self, image_rgb: NDArray[np.uint8], pts_seconds: float) -> None:
        """Add one picture; one of another size than the file's is fitted in, with bars.

        Args:
            image_rgb: The picture, shape (height, width, 3), uint8.
            pts_seconds: When it is shown; two pictures of one time are stored a tick apart.

        Raises:
            SinkError: The file cannot be written, for instance because the disk is full.
        """
        import av
        from av.video.frame import PictureType

        ticks = round(pts_seconds * _TICKS_PER_SECOND)
        if self._last_ticks is not None:
            ticks = max(ticks, self._last_ticks + 1)
            self._frame_ticks = ticks - self._last_ticks
        picture = av.VideoFrame.from_ndarray(self._fit(image_rgb), format="rgb24")
        picture = picture.reformat(format="yuv420p", dst_colorspace="ITU709")
        picture.pts = ticks
        picture.time_base = Fraction(1, _TICKS_PER_SECOND)
        due = ticks - self._keyframe_ticks >= _KEYFRAME_SECONDS * _TICKS_PER_SECOND
        if self._last_ticks is None or due:
            picture.pict_type = PictureType.I
            self._keyframe_ticks = ticks
        self._last_ticks = ticks
        self._mux(self._stream.encode(picture))
        self._check_file()

    def close(self, end_seconds: float | None = None) -> None:
        """Write what is left and finish the file. Closing twice is fine.

        Args:
            end_seconds: Until when the last picture is shown; by default it is shown for as long
                as the one before it.

        Raises:
            SinkError: The file cannot be finished; it plays up to the last fragment.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._last_ticks is not None:
                self._mux(self._stream.encode(None))
            self._mux_last(end_seconds)
        finally:
            self._container.close()
            self._file.close()
        self._check_file()

    def _open(self) -> "OutputContainer":
        try:
            import av
        except ImportError as error:
            raise MissingExtraError("av", "run", "write video") from error
        options = {
            "movflags": _MOVFLAGS,
            "flush_packets": "1",
            "video_track_timescale": str(_TICKS_PER_SECOND),
        }
        return av.open(self._file, "w", format="mp4", container_options=options)

    def _add_stream(self, frame_rate: float, crf: int, preset: str) -> "VideoStream":
        # An average of 444/29.6 is as good a hint as any, but x264 wants small numbers.
        rate = Fraction(max(frame_rate, 0.01)).limit_denominator(1001)
        stream = self._container.add_stream(
            "libx264", rate=rate, options={"crf": str(crf), "preset": preset, "forced-idr": "1"}
        )
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, _TICKS_PER_SECOND)
        context.max_b_frames = 0
        context.gop_size = max(1, round(frame_rate * _KEYFRAME_SECONDS))
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED_RANGE
        return stream

    def _mux(self, packets: "list[Packet[Any]]") -> None:
        """Write packets, the newest held back: how long it is shown, only the next one tells."""
        for packet in packets:
            if self._waiting is not None:
                if packet.pts is not None and self._waiting.pts is not None:
                    self._waiting.duration = packet.pts - self._waiting.pts
                self._container.mux(self._waiting)
            self._waiting = packet

    def _mux_last(self, end_seconds: float | None) -> None:
        if self._waiting is None or self._last_ticks is None:
            return
        duration = self._frame_ticks
        if end_seconds is not None:
            duration = max(1, round(end_seconds * _TICKS_PER_SECOND) - self._last_ticks)
        self._waiting.duration = duration
        self._container.mux(self._waiting)
        self._waiting = None

    def _fit(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        width, height = self._size
        rows, columns = image.shape[:2]
        if 0 <= rows - height <= 1 and 0 <= columns - width <= 1:
            return np.ascontiguousarray(image[:height, :width])
        import cv2

        scale = min(width / columns, height / rows)
        size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        fitted = np.zeros((height, width, 3), np.uint8)
        left, top = (width - size[0]) // 2, (height - size[1]) // 2
        fitted[top : top + size[1], left : left + size[0]] = small
        return fitted

    def _check_file(self) -> None:
        if self._file.error is not None:
            raise self._failure(self._file.error)

    def _failure(self, error: OSError) -> SinkError:
        why = error.strerror or str(error)
        if isinstance(error, FileNotFoundError):
            why = f"there is no folder '{self._path.parent}'; create it first"
        return SinkError(f"cannot write the video '{self._path}': {why}")
