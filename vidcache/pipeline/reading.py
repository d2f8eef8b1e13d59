"""Takes frames from a source in groups, without waiting, and knows why it came to an end."""

import threading
from dataclasses import dataclass

from vidcache.errors import SourceError
from vidcache.frames import Discontinuity, Frame
from vidcache.video import Source

__all__ = ["FrameGroup", "GroupReader"]


@dataclass(frozen=True)
class FrameGroup:
    """Consecutive frames of one source that are worked on together.

    Attributes:
        frames: The frames.
        is_last: Whether the source is known to have no more.
    """

    frames: tuple[Frame, ...]
    is_last: bool


class GroupReader:
    """Reads groups of ``size`` frames until the source ends, fails, or is not wanted any more.

    Groups of a file are cut the same way in every run, so that results never depend on timing. Of
    a file one frame more than the group is read, so that its last frame is known to be the last.

    Args:
        source: An open source.
        size: Frames of a group; the last one may be smaller.
        max_frames: How many frames are read at most; None for all.
        stop: Set by anyone to end the reading with the frames that are there.

    Attributes:
        ended: Whether no more groups come.
        truncated: Whether the source has, or may have, frames that were not read.
        error: What the source failed with, to be raised after the frames before it.
    """

    def __init__(
        self, source: Source, *, size: int, max_frames: int | None, stop: threading.Event
    ) -> None:
        self._source = source
        self._size = size
        self._wanted = size if source.is_live else size + 1
        self._left = max_frames
        self._stop = stop
        self._frames: list[Frame] = []
        self._at_end = False
        self.ended = False
        self.truncated = True
        self.error: SourceError | None = None

    def poll(self) -> FrameGroup | Discontinuity | None:
        """Takes the next group if it is there; None if it is not yet, or once the source ended.

        A discontinuity that no frame follows for now, such as a lost camera, comes by itself.
        """
        while not self._at_end and len(self._frames) < self._wanted:
            item = self._next()
            if isinstance(item, Discontinuity):
                return item
            if item is None:
                break
            self._frames.append(item)
        if len(self._frames) < self._wanted and not self._at_end:
            return None
        group, self._frames = self._frames[: self._size], self._frames[self._size :]
        self.ended = self._at_end and not self._frames
        return FrameGroup(tuple(group), is_last=self.ended) if group else None

    def _next(self) -> Frame | Discontinuity | None:
        at_limit = self._left == 0
        # One frame past the limit tells whether a file goes on; a camera always does.
        if self._stop.is_set() or (at_limit and self._source.is_live):
            self._at_end = True
            return None
        try:
            item = self._source.poll(0)
        except SourceError as error:
            self._at_end, self.error = True, error
            return None
        if item is None:
            if self._source.ended:
                self._at_end = True
                self.truncated = self._stop.is_set() or self._source.truncated
            return None
        if isinstance(item, Discontinuity):
            return item
        if at_limit:
            self._at_end = True
            return None
        if self._left is not None:
            self._left -= 1
        return item
