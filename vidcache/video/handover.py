"""Handing frames from a decoding thread to the one that works on them."""

import threading
from collections import deque

from vidcache.frames import Frame

__all__ = ["Handover"]


class Handover:
    """A bounded queue of frames between one producer and one consumer.

    Nothing waits by polling. Once closed, or once the producer has finished, nobody is kept
    waiting. Holds one frame and makes the producer wait until `configure` says otherwise.
    """

    def __init__(self) -> None:
        self._capacity = 1
        self._drop_oldest = False
        self._has_consumer = False
        self._frames: deque[Frame] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._finished = False
        self._error: BaseException | None = None
        self._num_dropped = 0

    @property
    def num_dropped(self) -> int:
        """Frames that were dropped because the consumer was slower than the source."""
        return self._num_dropped

    @property
    def closed(self) -> bool:
        """True once the consumer wants no more frames."""
        return self._closed

    def configure(self, capacity: int, drop_oldest: bool) -> None:
        """Set how much may wait, and what happens when more comes.

        Args:
            capacity: How many frames may wait, at least 1.
            drop_oldest: When it is full, the oldest waiting frame is dropped and counted (a live
                source); otherwise the producer waits (a file).
        """
        with self._changed:
            self._capacity = capacity
            self._drop_oldest = drop_oldest

    def put(self, frame: Frame) -> bool:
        """Hand over one frame. False says that nobody wants any more."""
        with self._changed:
            if self._drop_oldest:
                if len(self._frames) >= self._capacity and not self._closed:
                    self._frames.popleft()
                    # Nobody misses what came before anybody looked.
                    self._num_dropped += self._has_consumer
            else:
                self._changed.wait_for(lambda: self._closed or len(self._frames) < self._capacity)
            if self._closed:
                return False
            self._frames.append(frame)
            self._changed.notify_all()
            return True

    def finish(self, error: BaseException | None = None) -> None:
        """Say that no more frames come, and why if it is for an error."""
        with self._changed:
            self._finished = True
            self._error = error
            self._changed.notify_all()

    def get(self) -> Frame | None:
        """Wait for the next frame. None at the end.

        Raises:
            BaseException: The error that the producer finished with, after its last frame.
        """
        with self._changed:
            self._has_consumer = True
            self._changed.wait_for(lambda: self._frames or self._finished or self._closed)
            if self._closed:
                return None
            if self._frames:
                frame = self._frames.popleft()
                self._changed.notify_all()
                return frame
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            return None

    def wait_for_first(self) -> None:
        """Wait until a frame is there or the producer has finished.

        Raises:
            BaseException: The producer finished with an error before any frame.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._finished or self._closed)
            if not self._frames and self._error is not None:
                error, self._error = self._error, None
                raise error

    def close(self) -> None:
        """Want no more frames: whoever waits goes on at once, and waiting frames are let go."""
        with self._changed:
            self._closed = True
            self._frames.clear()
            self._changed.notify_all()
