# pyright: basic
"""Reading files, network cameras and synthetic cameras with PyAV."""

import errno
import re
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import MissingExtraError, SourceError
from vidcache.frames import Frame
from vidcache.video.failures import explain_failure
from vidcache.video.latency import LatencyGauge
from vidcache.video.locations import Location
from vidcache.video.orientation import Orientation
from vidcache.video.reading import ReadOptions, StreamInfo, TimedFrame
from vidcache.video.timestamps import PresentationClock

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["PyavReader"]

# Demuxers that libav offers for text and raw bytes: anything can be "played" through them.
_NOT_VIDEO = frozenset({"tty", "bin", "xbin", "adf", "idf", "data"})
_MAX_DEMUX_FAILURES = 64
_DEFAULT_RATE = 25.0


class PyavReader:
    """Reads one source with PyAV.

    Args:
        location: What to open.
        options: How to read it.
    """

    def __init__(self, location: Location, options: ReadOptions) -> None:
        self._location = location
        self._options = options
        self.info: StreamInfo | None = None
        self.truncated = False
        self.num_skipped = 0

    def frames(self, stopped: Callable[[], bool]) -> Iterator[TimedFrame]:
        """Open the source and yield its frames. See `Reader.frames`."""
        container, stream = self._open()
        try:
            yield from self._frames(container, stream, stopped)
        finally:
            container.close()

    def _frames(
        self, container: "InputContainer", stream: "VideoStream", stopped: Callable[[], bool]
    ) -> Iterator[TimedFrame]:
        rate = float(stream.average_rate or stream.guessed_rate or stream.base_rate or 0)
        live = self._is_live(container)
        # A live stream begins where it is joined, a file where its container says.
        clock = PresentationClock(
            rate or _DEFAULT_RATE, None if live else _seconds(stream.start_time, stream.time_base)
        )
        gauge = LatencyGauge()
        end_seconds = 0.0
        for index, (picture, tainted) in enumerate(self._pictures(container, stream, stopped)):
            image = self._to_rgb(picture)
            pts_seconds, flags = clock.next(_picture_seconds(picture, stream))
            if self.info is None:
                self.info = self._describe(container, stream, image, rate, live, clock)
            end_seconds = pts_seconds + float(
                picture.duration * (picture.time_base or 0) if picture.duration else 1 / (rate or 1)
            )
            frame = Frame(
                image_rgb=image,
                index=index,
                pts_seconds=pts_seconds,
                time=time.time() if live else None,
                flags=(*flags, "tainted") if tainted else flags,
            )
            gauge.observe(time.monotonic(), pts_seconds)
            yield TimedFrame(frame, gauge.due(pts_seconds) if live else None)
        if stopped():
            return
        if self.info is None:
            raise SourceError(
                f"'{self._location.shown}' has a video stream ({stream.codec_context.name}) "
                "but not one picture of it could be decoded: the file is empty or damaged"
            )
        expected = None if live else _video_seconds(container, stream)
        if expected is not None and expected - end_seconds > 0.05 + 3 / (rate or _DEFAULT_RATE):
            self.truncated = True

    def _open(self) -> "tuple[InputContainer, VideoStream]":
        try:
            import av
            import av.error
        except ImportError as error:
            raise MissingExtraError("av", "run", "read video") from error

        location, options = self._location, dict(self._options.libav_options)
        file_format: str | None = None
        timeout: tuple[float, float] | None = None
        if location.kind == "lavfi":
            file_format = "lavfi"
        elif location.kind == "camera":
            file_format = "v4l2"
            if self._options.camera_size is not None:
                options.setdefault("video_size", "{}x{}".format(*self._options.camera_size))
            if self._options.camera_rate is not None:
                options.setdefault("framerate", str(self._options.camera_rate))
        elif location.kind in ("network", "web"):
            timeout = (self._options.open_timeout, self._options.read_timeout)
        if location.address.startswith(("rtsp:", "rtsps:")):
            options.setdefault("rtsp_transport", "tcp")
        begin = time.monotonic()
        try:
            container = av.open(
                location.address, "r", format=file_format, options=options, timeout=timeout
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            waited = time.monotonic() - begin
            raise explain_failure(
                error, location, self._options.open_timeout, waited=waited
            ) from error
        try:
            return container, self._video_stream(container)
        except SourceError:
            container.close()
            raise

    def _video_stream(self, container: "InputContainer") -> "VideoStream":
        from av.stream import Disposition

        shown = self._location.shown
        if container.format.name in _NOT_VIDEO:
            raise SourceError(f"'{shown}' is not a video (it looks like text or raw data)")
        streams = [
            stream
            for stream in container.streams.video
            if not stream.disposition & Disposition.attached_pic and stream.codec_context
        ]
        if not streams:
            kinds = sorted({stream.type for stream in container.streams}) or ["nothing"]
            raise SourceError(
                f"'{shown}' has no video stream that can be read (it holds: {', '.join(kinds)})"
            )
        best = container.streams.best("video")
        stream = next((stream for stream in streams if stream is best), streams[0])
        # Frame threads hand a picture out only after several more have come in: too late for live.
        stream.thread_type = "SLICE" if self._is_live(container) else "AUTO"
        return stream

    def _is_live(self, container: "InputContainer") -> bool:
        kind = self._location.kind
        if kind == "lavfi":
            return re.search(r"\brealtime\b", self._location.address) is not None
        if kind == "web":
            if "mpjpeg" in container.format.name:
                return True
            unbounded = container.format.name == "hls" or container.size <= 0
            return container.duration is None and unbounded
        return kind in ("network", "camera")

    def _pictures(
        self, container: "InputContainer", stream: "VideoStream", stopped: Callable[[], bool]
    ) -> "Iterator[tuple[VideoFrame, bool]]":
        """Decoded pictures, each with whether it may show the effect of damage."""
        damaged = False
        for packet in self._packets(container, stream, stopped):
            pictures = None if packet is None else _decode(stream, packet)
            if pictures is None:
                damaged = True
                continue
            for picture in pictures:
                damaged = damaged and not picture.key_frame
                yield picture, damaged or picture.is_corrupt
        if not stopped():
            for picture in _drain(stream):
                damaged = damaged and not picture.key_frame
                yield picture, damaged or picture.is_corrupt

    def _packets(
        self, container: "InputContainer", stream: "VideoStream", stopped: Callable[[], bool]
    ) -> Iterator[Any]:
        """Packets of the stream; None stands for a place that could not be read."""
        import av.error

        for _ in range(_MAX_DEMUX_FAILURES):
            try:
                for packet in container.demux(stream):
                    if stopped():
                        return
                    # An empty packet would tell the decoder that nothing more comes.
                    if packet.size:
                        self.truncated = False
                        yield packet
                return
            except (av.error.EOFError, IndexError):
                # PyAV's own end, with an IndexError where damage made up another stream.
                return
            except (av.error.FFmpegError, OSError) as error:
                if container.format.name == "mpjpeg" and error.errno == errno.EIO:
                    # How this demuxer says that the camera closed the connection.
                    return
                if self._location.kind != "file" or isinstance(error, OSError):
                    raise explain_failure(
                        error, self._location, self._options.read_timeout, reading=True
                    ) from error
                # Going on may find more packets; if it does not, the file ends here.
                self.truncated = True
                yield None

    def _to_rgb(self, picture: "VideoFrame") -> NDArray[np.uint8]:
        width, height = self._options.fit(picture.width, picture.height)
        rgb = picture.reformat(width, height, "rgb24", interpolation="AREA")
        matrix = picture.side_data.get("DISPLAYMATRIX")
        image: Any = rgb.to_ndarray()
        return Orientation.from_display_matrix(None if matrix is None else bytes(matrix)).apply(
            image
        )

    def _describe(
        self,
        container: "InputContainer",
        stream: "VideoStream",
        image: NDArray[np.uint8],
        rate: float,
        live: bool,
        clock: PresentationClock,
    ) -> StreamInfo:
        duration = _seconds(stream.duration, stream.time_base)
        if duration is None and container.duration is not None:
            duration = container.duration / 1e6
        num_frames = stream.frames or (round(duration * rate) if duration else 0)
        return StreamInfo(
            size=(image.shape[1], image.shape[0]),
            frame_rate=rate or _DEFAULT_RATE,
            is_live=live,
            num_frames_estimate=None if live else num_frames or None,
            duration_seconds=None if live else duration,
            start_seconds=clock.origin_seconds,
            codec=stream.codec_context.name,
            backend="pyav",
        )


def _decode(stream: "VideoStream", packet: Any) -> "list[VideoFrame] | None":
    """The pictures that a packet completes; None if it is damaged."""
    import av.error

    try:
        return stream.decode(packet)
    except av.error.FFmpegError:
        return None


def _drain(stream: "VideoStream") -> "list[VideoFrame]":
    """What is left in the decoder at the end: each call passes at most one damaged place."""
    import av.error

    for _ in range(_MAX_DEMUX_FAILURES):
        try:
            return stream.decode(None)
        except av.error.EOFError:
            break
        except av.error.FFmpegError:
            continue
    return []


def _video_seconds(container: "InputContainer", stream: "VideoStream") -> float | None:
    """Length of the pictures alone, which sound may outlast; None where nothing says it."""
    own = _seconds(stream.duration, stream.time_base)
    if own is not None:
        return own
    # Matroska keeps it as a tag of the track.
    parts = re.fullmatch(r"(\d+):(\d+):([\d.]+)", stream.metadata.get("DURATION", ""))
    if parts:
        return int(parts[1]) * 3600 + int(parts[2]) * 60 + float(parts[3])
    alone = len(container.streams) == 1 and container.duration is not None
    return container.duration / 1e6 if alone and container.duration else None


def _picture_seconds(picture: "VideoFrame", stream: "VideoStream") -> float | None:
    stamp = picture.pts if picture.pts is not None else picture.dts
    return _seconds(stamp, picture.time_base or stream.time_base)


def _seconds(stamp: int | None, time_base: Fraction | None) -> float | None:
    return None if stamp is None or time_base is None else float(stamp * time_base)
