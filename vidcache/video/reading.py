"""What a backend must do to read video, and what it learns about a stream on the way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from vidcache.frames import Frame

__all__ = ["ReadOptions", "Reader", "StreamInfo", "TimedFrame"]

# More than a network hiccup, less than what somebody who watches would put up with.
_USUAL_LATENCY_SECONDS = 3.0


@dataclass(frozen=True)
class ReadOptions:
    """How a source is read.

    Attributes:
        max_size: Longest side of the frames in pixels; larger pictures are shrunk while they are
            decoded. None keeps their size.
        open_timeout: Seconds that a network source may take until its first picture.
        read_timeout: Seconds that it may then take for the next one.
        camera_size: Width and height to ask a camera for.
        camera_rate: Frames a second to ask a camera for.
        libav_options: Options handed to libav as they are.
        max_latency: Seconds that a live source may lag behind before frames are skipped; ``auto``
            is 3, and any lag for a stream that comes in bursts, which always lags.
    """

    max_size: int | None = None
    open_timeout: float = 10.0
    read_timeout: float = 10.0
    camera_size: tuple[int, int] | None = None
    camera_rate: float | None = None
    libav_options: dict[str, str] = field(default_factory=dict[str, str])
    max_latency: float | Literal["auto"] | None = None

    def latency_limit(self, *, in_bursts: bool) -> float | None:
        """How far a live source may lag behind; None for any distance.

        Args:
            in_bursts: See `StreamInfo`.
        """
        if self.max_latency == "auto":
            return None if in_bursts else _USUAL_LATENCY_SECONDS
        return self.max_latency

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """The size at which a picture of this size is handed out."""
        longest = max(width, height)
        if self.max_size is None or longest <= self.max_size:
            return width, height
        scale = self.max_size / longest
        return max(1, round(width * scale)), max(1, round(height * scale))


@dataclass(frozen=True)
class StreamInfo:
    """What is known about a stream once its first picture is there.

    Attributes:
        size: Width and height of the frames, upright and shrunk as asked.
        frame_rate: Average frames a second, as the container or the camera says.
        is_live: True if the source goes on in real time, whether it is read or not.
        num_frames_estimate: Frames in all by the container, which may be wrong; None if unknown.
        duration_seconds: Length by the container; None if unknown.
        start_seconds: The container's time of what became second 0.
        codec: Name of the codec.
        backend: ``pyav`` or ``opencv``.
        in_bursts: A live stream whose seconds come all at once, in files (HLS, DASH): each waits on
            its server until it is asked for.
    """

    size: tuple[int, int]
    frame_rate: float
    is_live: bool
    num_frames_estimate: int | None
    duration_seconds: float | None
    start_seconds: float
    codec: str
    backend: str
    in_bursts: bool = False


@dataclass(frozen=True)
class TimedFrame:
    """A frame as it leaves its reader.

    Attributes:
        frame: The frame.
        due: Monotonic time at which it would have come without delay; None for a file.
    """

    frame: Frame
    due: float | None


class Reader(Protocol):
    """Opens and decodes one source, all of it on the thread that calls `frames`.

    Attributes:
        info: What was learnt; set before the first frame is yielded.
    """

    info: StreamInfo | None

    @property
    def truncated(self) -> bool:
        """True once the stream is known to have ended early."""
        ...

    @property
    def num_skipped(self) -> int:
        """Frames that were not decoded, to catch up. They are numbered all the same."""
        ...

    def frames(self, stopped: Callable[[], bool]) -> Iterator[TimedFrame]:
        """Open the source and yield its frames, numbered from 0.

        Args:
            stopped: Asked between packets; once it is true the frames end.

        Raises:
            SourceError: The source cannot be opened or read.
        """
        ...
