"""Takes frames from a source in groups, and knows why it came to an end."""

import threading
import time
from dataclasses import dataclass

from vidcache.errors import SourceError
from vidcache.frames import Frame
from vidcache.pipeline.timer import StageTimer
from vidcache.video import Source

__all__ = ["FrameGroup", "GroupReader"]


@dataclass(frozen=True)
class FrameGroup:
    """Consecutive frames that are worked on together.

    Attributes:
        frames: The frames.
        wait_seconds: How long each of them was waited for.
    """

    frames: tuple[Frame, ...]
    wait_seconds: tuple[float, ...]


class GroupReader:
    """Reads groups of ``size`` frames until the source ends, fails, or is not wanted any more.

    Groups of a file are cut the same way in every run, so that results never depend on timing.

    Args:
        source: An open source.
        size: Frames of a group; the last one may be smaller.
        max_frames: How many frames are read at most; None for all.
        stop: Set by anyone to end the reading after the frame that is being waited for.
        timer: Where the stage ``decode`` is counted: the time spent waiting for frames.

    Attributes:
        ended: Whether no more groups come.
        truncated: Whether the source has, or may have, frames that were not read.
        error: What the source failed with, to be raised after the frames before it.
    """

    def __init__(
        self,
        source: Source,
        *,
        size: int,
        max_frames: int | None,
        stop: threading.Event,
        timer: StageTimer,
    ) -> None:
        self._source = source
        self._size = size
        self._left = max_frames
        self._stop = stop
        self._timer = timer
        self.ended = False
        self.truncated = True
        self.error: SourceError | None = None

    def read(self) -> FrameGroup | None:
        """Waits for the next group; None once the source has ended."""
        frames: list[Frame] = []
        waits: list[float] = []
        while len(frames) < self._size and not self.ended:
            start = time.perf_counter()
            frame = self._next()
            if frame is None:
                break
            frames.append(frame)
            waits.append(time.perf_counter() - start)
            self._timer.add("decode", waits[-1])
        return FrameGroup(tuple(frames), tuple(waits)) if frames else None

    def _next(self) -> Frame | None:
        at_limit = self._left == 0
        # One frame past the limit tells whether the file goes on; a camera always does.
        if self._stop.is_set() or (at_limit and self._source.is_live):
            self.ended = True
            return None
        try:
            frame = next(self._source, None)
        except SourceError as error:
            self.ended, self.error = True, error
            return None
        if frame is None:
            self.ended = True
            self.truncated = self._stop.is_set() or self._source.truncated
            return None
        if at_limit:
            self.ended = True
            return None
        if self._left is not None:
            self._left -= 1
        return frame
