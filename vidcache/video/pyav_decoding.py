# pyright: basic
"""Packets in, pictures out: what PyAV decodes, with every sign of damage on the way."""

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vidcache.video.decoder_log import DecoderLog
from vidcache.video.failures import explain_failure
from vidcache.video.locations import Location
from vidcache.video.taint import TaintTracker

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["Picture", "PyavDecoder"]

_MAX_DEMUX_FAILURES = 64


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        picture: The picture as libav gives it.
        tainted: It may show the effect of damage.
    """

    picture: "VideoFrame"
    tainted: bool


class PyavDecoder:
    """Decodes the video stream of an open container.

    Args:
        container: The open container.
        stream: Its video stream, ready to decode.
        location: Where it comes from.
        log: What libav says on this thread.
        read_timeout: The time-out in force in seconds, for messages.
        live: The stream was joined wherever it happened to be.
        passes_over: Asked with every packet and whether it is a key frame; True leaves it out.

    Attributes:
        truncated: Whether reading ended at a place that could not be read.
        num_skipped: Packets that were left out.
    """

    def __init__(
        self,
        container: "InputContainer",
        stream: "VideoStream",
        location: Location,
        log: DecoderLog,
        *,
        read_timeout: float,
        live: bool,
        passes_over: Callable[[Any, bool], bool],
    ) -> None:
        self._container = container
        self._stream = stream
        self._location = location
        self._log = log
        self._read_timeout = read_timeout
        self._passes_over = passes_over
        self._taint = TaintTracker(joined=live)
        codec = stream.codec_context.codec
        # What a filter graph gives was never compressed.
        self._only_key_frames = codec.intra_only or codec.name == "wrapped_avframe"
        self.truncated = False
        self.num_skipped = 0

    def pictures(self, stopped: Callable[[], bool]) -> Iterator[Picture]:
        """Read and decode to the end, or until ``stopped()``.

        Raises:
            SourceError: The source could not be read on.
        """
        for packet in self._packets(stopped):
            if packet is not None and self._passes_over(
                packet, self._only_key_frames or packet.is_keyframe
            ):
                self.num_skipped += 1
                # What comes next has lost what it refers to.
                self._taint.mark()
                self._taint.damage()
            else:
                for picture in self._decode(packet):
                    yield self._judged(picture)
            # What was said while a picture was converted is not about the next packet.
            self._log.clear()
        if not stopped():
            for picture in self._drain():
                yield self._judged(picture)

    def _judged(self, picture: "VideoFrame") -> Picture:
        mark: Any = picture.opaque
        tainted = self._taint.judge(
            mark,
            is_key=self._only_key_frames or picture.key_frame,
            is_corrupt=picture.is_corrupt,
        )
        return Picture(picture, tainted)

    def _decode(self, packet: Any) -> "list[VideoFrame]":
        """The pictures that a packet completes; None stands for a place that was not readable."""
        import av.error

        mark = self._taint.mark()
        if packet is None:
            self._taint.damage()
            return []
        packet.opaque = mark
        pictures: list[VideoFrame] = []
        try:
            pictures = self._stream.decode(packet)
        except av.error.FFmpegError:
            self._taint.damage()
        # This includes what the demuxer said while it put the packet together.
        if self._log.take_damage() or packet.is_corrupt:
            self._taint.damage()
        return pictures

    def _drain(self) -> "list[VideoFrame]":
        """What is left in the decoder at the end: each call passes at most one damaged place."""
        import av.error

        for _ in range(_MAX_DEMUX_FAILURES):
            try:
                pictures = self._stream.decode(None)
                if self._log.take_damage():
                    self._taint.damage()
                return pictures
            except av.error.EOFError:
                break
            except av.error.FFmpegError:
                self._taint.damage()
        return []

    def _packets(self, stopped: Callable[[], bool]) -> Iterator[Any]:
        """Packets of the stream; None stands for a place that could not be read."""
        import av.error

        container = self._container
        for _ in range(_MAX_DEMUX_FAILURES):
            try:
                for packet in container.demux(self._stream):
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
                    # libav's own error holds the address, and so the password.
                    raise explain_failure(
                        error, self._location, self._read_timeout, reading=True
                    ) from None
                # Going on may find more packets; if it does not, the file ends here.
                self.truncated = True
                yield None
