"""What fills the buffer of a source: a reader that is started once."""

import time
from dataclasses import dataclass
from typing import Literal, Protocol

from vidcache.video.handover import Handover, WhenFull
from vidcache.video.locations import Location
from vidcache.video.reader_thread import ReaderThread
from vidcache.video.reading import Reader, ReadOptions, StreamInfo, TimedFrame
from vidcache.video.source_status import SourceState, SourceStatus

__all__ = ["Buffering", "Feed", "ReaderFeed"]

_FILE_BUFFER_FRAMES = 8
_LIVE_BUFFER_FRAMES = 2


@dataclass(frozen=True)
class Buffering:
    """How many frames wait for their reader, and what becomes of more.

    Attributes:
        num_frames: Decoded frames that may wait; None for 8, or 2 where frames are dropped.
        when_full: What happens at a live source when they do; ``auto`` is ``oldest``, and ``block``
            for a stream that comes in bursts, of which else only the ends would be seen.
        options: How the source is read, which says what age a live frame may have.
    """

    num_frames: int | None
    when_full: Literal["auto"] | WhenFull
    options: ReadOptions

    def configure(self, handover: Handover, info: StreamInfo) -> None:
        """Set a handover up for a stream, once it is known; a file loses nothing."""
        policy: WhenFull = "block"
        if info.is_live and self.when_full != "auto":
            policy = self.when_full
        elif info.is_live and not info.in_bursts:
            policy = "oldest"
        default = _FILE_BUFFER_FRAMES if policy == "block" else _LIVE_BUFFER_FRAMES
        max_latency = self.options.latency_limit(in_bursts=info.in_bursts) if info.is_live else None
        handover.configure(self.num_frames or default, policy, max_latency)


class Feed(Protocol):
    """Fills a handover from threads of its own."""

    @property
    def info(self) -> StreamInfo | None:
        """What was learnt about the stream; None before its first picture."""
        ...

    @property
    def truncated(self) -> bool:
        """True once the stream is known to have ended early."""
        ...

    @property
    def status(self) -> SourceStatus:
        """How it is doing."""
        ...

    def start(self) -> None:
        """Start."""
        ...

    def stop(self) -> None:
        """Ask it to end, and return at once."""
        ...

    def join(self, timeout: float) -> None:
        """Wait for it to end, at most so many seconds."""
        ...


class ReaderFeed:
    """Fills a handover from one reader, whose end or error is that of the source.

    Args:
        location: What is read.
        reader: What reads it.
        handover: Where frames go.
        buffering: How the handover is set up.
    """

    def __init__(
        self, location: Location, reader: Reader, handover: Handover, buffering: Buffering
    ) -> None:
        self._reader = reader
        self._handover = handover
        self._buffering = buffering
        self._status = SourceStatus(SourceState.CONNECTING, time.time(), num_attempts=1)
        self._thread = ReaderThread(
            reader,
            location.shown,
            deliver=self._deliver,
            count_skipped=handover.count_skipped,
            finished=self._finish,
            stopped=lambda: handover.closed,
        )

    @property
    def info(self) -> StreamInfo | None:
        """What was learnt about the stream; None before its first picture."""
        return self._reader.info

    @property
    def truncated(self) -> bool:
        """True once the stream is known to have ended early."""
        return self._reader.truncated

    @property
    def status(self) -> SourceStatus:
        """How it is doing."""
        return self._status

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the reader to end, and return at once."""
        self._handover.close()

    def join(self, timeout: float) -> None:
        """Wait for the reader to end, at most so many seconds."""
        self._thread.join(timeout)

    def _deliver(self, timed: TimedFrame) -> bool:
        if self._status.state is SourceState.CONNECTING:
            assert self._reader.info is not None, "a reader sets it before its first frame"
            self._buffering.configure(self._handover, self._reader.info)
            self._status = SourceStatus(SourceState.LIVE, time.time())
        return self._handover.put(timed.frame, timed.due)

    def _finish(self, error: BaseException | None) -> None:
        detail = "" if error is None else str(error)
        self._status = SourceStatus(SourceState.ENDED, time.time(), detail)
        self._handover.finish(error)
