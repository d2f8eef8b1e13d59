"""Handing frames from a decoding thread to the one that works on them."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from vidcache.frames import Discontinuity, Frame

__all__ = ["Handover", "WhenFull"]

WhenFull = Literal["block", "latest", "oldest"]
"""What happens to a frame that comes while the buffer is full."""

# What a frame says about the way from the one before it passes to the next if it is dropped.
_INHERITED_FLAGS = frozenset({"after_gap", "timestamp_jump"})


@dataclass(frozen=True)
class _Waiting:
    """A frame that waits, when its age began, and how many had been counted before it came."""

    frame: Frame
    due: float | None
    num_seen_before: int
    dropped_before: dict[str, int]


class Handover:
    """A bounded queue of frames between one producer and one consumer.

    Nothing waits by polling. Once closed, or once the producer has finished, nobody is kept
    waiting. Holds one frame and makes the producer wait until `configure` says otherwise.

    Every frame is accounted for: at the end, frames taken and frames dropped are the frames seen.
    What came before the first frame that was taken is not counted, nor what waits when it is
    closed.
    """

    def __init__(self) -> None:
        self._capacity = 1
        self._when_full: WhenFull = "block"
        self._max_latency: float | None = None
        self._frames: deque[_Waiting] = deque()
        self._news: deque[tuple[int, Discontinuity]] = deque()
        self._changed = threading.Condition()
        self._listener: Callable[[], None] | None = None
        self._closed = False
        self._finished = False
        self._error: BaseException | None = None
        self._first: _Waiting | None = None
        self._num_seen = 0
        self._dropped = {"full": 0, "late": 0, "skipped": 0}
        self._heritage: Frame | None = None

    @property
    def dropped_by_cause(self) -> dict[str, int]:
        """Frames dropped since the first was taken: ``full``, ``late`` and ``skipped``."""
        with self._changed:
            before = self._dropped if self._first is None else self._first.dropped_before
            return {cause: count - before[cause] for cause, count in self._dropped.items()}

    @property
    def num_seen(self) -> int:
        """Frames from the first one taken on: taken, waiting and dropped ones together."""
        with self._changed:
            return 0 if self._first is None else self._num_seen - self._first.num_seen_before

    @property
    def closed(self) -> bool:
        """True once the consumer wants no more frames."""
        return self._closed

    @property
    def ended(self) -> bool:
        """True once nothing waits and nothing more comes."""
        with self._changed:
            return self._closed or (self._finished and not self._waits() and self._error is None)

    def configure(
        self, capacity: int, when_full: WhenFull, max_latency: float | None = None
    ) -> None:
        """Set how much may wait, and what happens when more comes.

        Args:
            capacity: How many frames may wait, at least 1.
            when_full: ``block`` makes the producer wait; ``oldest`` drops the frame that has
                waited longest, ``latest`` the one that comes.
            max_latency: Age in seconds from which a waiting frame is dropped; None for any.
        """
        with self._changed:
            self._capacity = capacity
            self._when_full = when_full
            self._max_latency = max_latency

    def set_listener(self, listener: Callable[[], None] | None) -> None:
        """Have a function called whenever `get` may have something new to say.

        It is called without a lock held, on the producer's thread, and at once if something is
        there already; it must not wait.
        """
        with self._changed:
            self._listener = listener
            ready = self._waits() or self._finished or self._closed
        if ready and listener is not None:
            listener()

    def put(self, frame: Frame, due: float | None = None) -> bool:
        """Hand over one frame. False says that nobody wants any more.

        Args:
            frame: The frame.
            due: Monotonic time from which its age counts; None for a frame that never is late.
        """
        with self._changed:
            if self._when_full == "block":
                self._changed.wait_for(lambda: self._closed or len(self._frames) < self._capacity)
            if self._closed:
                return False
            if self._heritage is not None:
                frame, self._heritage = _inherit(frame, self._heritage), None
            waiting = _Waiting(frame, due, self._num_seen, dict(self._dropped))
            self._num_seen += 1
            if len(self._frames) < self._capacity:
                self._frames.append(waiting)
            elif self._when_full == "latest":
                self._dropped["full"] += 1
                self._heritage = frame
                return True
            else:
                self._frames.append(waiting)
                self._drop_oldest("full")
        self._notify()
        return True

    def announce(self, discontinuity: Discontinuity) -> None:
        """Hand over news of the source, in order with the frames. It is never dropped."""
        with self._changed:
            if self._closed:
                return
            self._news.append((self._num_seen, discontinuity))
        self._notify()

    def count_skipped(self, num_frames: int) -> None:
        """Count frames that were not even decoded, so as to catch up."""
        with self._changed:
            self._num_seen += num_frames
            self._dropped["skipped"] += num_frames

    def finish(self, error: BaseException | None = None) -> None:
        """Say that no more frames come, and why if it is for an error."""
        with self._changed:
            self._finished = True
            self._error = error
        self._notify()

    def get(self, timeout: float | None = None) -> Frame | Discontinuity | None:
        """The next item, waiting for it at most ``timeout`` seconds (None: until one comes).

        Returns:
            None if nothing came in time, or if the end has come; `ended` tells which.

        Raises:
            BaseException: The error that the producer finished with, after its last frame.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self._closed:
                self._drop_late()
                if self._waits():
                    return self._take()
                if self._finished:
                    error, self._error = self._error, None
                    if error is not None:
                        raise error
                    return None
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return None
                self._changed.wait(left)
            return None

    def wait_for_first(self) -> None:
        """Wait until something is there or the producer has finished.

        Raises:
            BaseException: The producer finished with an error before any frame.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waits() or self._finished or self._closed)
            if not self._waits() and self._error is not None:
                error, self._error = self._error, None
                raise error

    def close(self) -> None:
        """Want no more frames: whoever waits goes on at once, and waiting frames are let go."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._num_seen -= len(self._frames)
            self._frames.clear()
            self._news.clear()
        self._notify()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()
            listener = self._listener
        if listener is not None:
            listener()

    def _waits(self) -> bool:
        return bool(self._frames or self._news)

    def _take(self) -> Frame | Discontinuity:
        if self._news and (not self._frames or self._news[0][0] <= self._frames[0].num_seen_before):
            return self._news.popleft()[1]
        waiting = self._frames.popleft()
        if self._first is None:
            self._first = waiting
        self._changed.notify_all()
        return waiting.frame

    def _drop_late(self) -> None:
        if self._max_latency is None:
            return
        oldest_due = time.monotonic() - self._max_latency
        while self._frames and (due := self._frames[0].due) is not None and due < oldest_due:
            self._drop_oldest("late")
            self._changed.notify_all()

    def _drop_oldest(self, cause: str) -> None:
        dropped = self._frames.popleft().frame
        # Nobody misses what came before anybody looked.
        self._dropped[cause] += self._first is not None
        if self._frames:
            heir = self._frames[0]
            self._frames[0] = replace(heir, frame=_inherit(heir.frame, dropped))
        else:
            self._heritage = dropped


def _inherit(frame: Frame, dropped: Frame) -> Frame:
    """The frame, with what the dropped one in front of it said about the way there."""
    flags = [f for f in dropped.flags if f in _INHERITED_FLAGS and f not in frame.flags]
    if not flags and not dropped.gaps:
        return frame
    moved = (replace(gap, frame=frame.index, pts_seconds=frame.pts_seconds) for gap in dropped.gaps)
    return replace(frame, flags=(*flags, *frame.flags), gaps=(*moved, *frame.gaps))
