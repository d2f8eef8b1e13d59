# pyright: basic
"""Reading files, network cameras and synthetic cameras with PyAV."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import SourceError
from vidcache.frames import Frame
from vidcache.video.decoder_log import DecoderLog
from vidcache.video.latency import CatchUp
from vidcache.video.locations import Location
from vidcache.video.orientation import Orientation
from vidcache.video.pyav_decoding import PyavDecoder
from vidcache.video.pyav_opening import (
    comes_in_bursts,
    is_live,
    is_timed,
    open_container,
    open_stream,
    to_seconds,
    video_seconds,
)
from vidcache.video.reading import ReadOptions, StreamInfo, TimedFrame
from vidcache.video.rgb_converter import RgbConverter
from vidcache.video.timestamps import PresentationClock

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["PyavReader"]

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
        self._decoder: PyavDecoder | None = None
        self._converter: RgbConverter | None = None
        self._oriented: tuple[tuple[int, int, int], Orientation] | None = None
        self._cut_short = False
        self.info: StreamInfo | None = None

    @property
    def truncated(self) -> bool:
        """True once the stream is known to have ended early."""
        return self._cut_short or (self._decoder is not None and self._decoder.truncated)

    @property
    def num_skipped(self) -> int:
        """Frames that were not decoded, to catch up."""
        return 0 if self._decoder is None else self._decoder.num_skipped

    def frames(self, stopped: Callable[[], bool]) -> Iterator[TimedFrame]:
        """Open the source and yield its frames. See `Reader.frames`."""
        with DecoderLog() as log:
            container = open_container(self._location, self._options)
            try:
                stream = open_stream(container, self._location)
                yield from self._frames(container, stream, log, stopped)
            finally:
                container.close()

    def _frames(
        self,
        container: "InputContainer",
        stream: "VideoStream",
        log: DecoderLog,
        stopped: Callable[[], bool],
    ) -> Iterator[TimedFrame]:
        rate = float(stream.average_rate or stream.guessed_rate or stream.base_rate or 0)
        live = is_live(self._location, container)
        timed = is_timed(container) or not live
        # A live stream begins where it is joined, a file where its container says.
        start = None if live else to_seconds(stream.start_time, stream.time_base)
        clock = PresentationClock(rate or _DEFAULT_RATE, start)
        decoder = self._decoder = PyavDecoder(
            container,
            stream,
            self._location,
            log,
            read_timeout=self._options.read_timeout,
            live=live,
            passes_over=self._make_catch_up(clock, live and timed, comes_in_bursts(container)),
        )
        end_seconds = 0.0
        for number, decoded in enumerate(decoder.pictures(stopped)):
            picture = decoded.picture
            arrival = time.monotonic() if live else None
            # The time of arrival is as good as any that a camera without a clock could send.
            seconds = _picture_seconds(picture, stream) if timed else arrival
            pts_seconds, flags = clock.next(seconds, arrival)
            image = self._to_rgb(picture)
            if self.info is None:
                self.info = self._describe(container, stream, image, rate, live, clock)
            end_seconds = pts_seconds + float(
                picture.duration * (picture.time_base or 0) if picture.duration else 1 / (rate or 1)
            )
            frame = Frame(
                image_rgb=image,
                index=number + decoder.num_skipped,
                pts_seconds=pts_seconds,
                time=time.time() if live else None,
                flags=(*flags, "tainted") if decoded.tainted else flags,
            )
            yield TimedFrame(frame, clock.gauge.due(pts_seconds) if live else None)
        if stopped():
            return
        if self.info is None:
            raise SourceError(
                f"'{self._location.shown}' has a video stream ({stream.codec_context.name}) "
                "but not one picture of it could be decoded: the file is empty or damaged"
            )
        expected = None if live else video_seconds(container, stream)
        if expected is not None and expected - end_seconds > 0.05 + 3 / (rate or _DEFAULT_RATE):
            self._cut_short = True

    def _make_catch_up(
        self, clock: PresentationClock, timed_live: bool, in_bursts: bool
    ) -> Callable[[Any, bool], bool]:
        max_latency = self._options.latency_limit(in_bursts=in_bursts)
        if max_latency is None or not timed_live:
            return lambda packet, is_key: False
        catch_up = CatchUp(clock.gauge, max_latency)

        def passes_over(packet: Any, is_key: bool) -> bool:
            seconds = to_seconds(packet.pts, packet.time_base)
            if seconds is None:
                return False
            return catch_up.passes_over(time.monotonic(), clock.peek(seconds), is_key=is_key)

        return passes_over

    def _to_rgb(self, picture: "VideoFrame") -> NDArray[np.uint8]:
        width, height = self._options.fit(picture.width, picture.height)
        if self._converter is None:
            self._converter = RgbConverter()
        rgb = self._converter.convert(picture, width, height)
        image: Any = rgb.to_ndarray()
        return self._orientation(picture).apply(image)

    def _orientation(self, picture: "VideoFrame") -> Orientation:
        """How a picture is to be turned; looked up when the stream shows something else.

        Who looks at a picture's side data ties the two together until Python collects garbage,
        and with a picture a tenth of a second that is megabytes.
        """
        seen = (picture.rotation, picture.width, picture.height)
        if self._oriented is None or self._oriented[0] != seen:
            matrix = picture.side_data.get("DISPLAYMATRIX")
            found = Orientation.from_display_matrix(None if matrix is None else bytes(matrix))
            self._oriented = (seen, found)
        return self._oriented[1]

    def _describe(
        self,
        container: "InputContainer",
        stream: "VideoStream",
        image: NDArray[np.uint8],
        rate: float,
        live: bool,
        clock: PresentationClock,
    ) -> StreamInfo:
        duration = to_seconds(stream.duration, stream.time_base)
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
            in_bursts=live and comes_in_bursts(container),
        )


def _picture_seconds(picture: "VideoFrame", stream: "VideoStream") -> float | None:
    stamp = picture.pts if picture.pts is not None else picture.dts
    return to_seconds(stamp, picture.time_base or stream.time_base)
