"""One attempt at a live source, which can be given up while it hangs."""

import threading
import time
from collections.abc import Callable

from vidcache.video.handover import Handover
from vidcache.video.reader_thread import ReaderThread
from vidcache.video.reading import Reader, TimedFrame

__all__ = ["Connection"]


class Connection:
    """A reader at work, and how it is getting on.

    A reader that hangs in a driver cannot be ended, only left: once `revoke` was called, nothing
    that it still gives gets through.

    Args:
        reader: What reads.
        shown: What it reads, credentials hidden.
        handover: Where its frames go.
        changed: Guards everything here; notified at the first frame and at the end.
        adopt: Called with each frame, ``changed`` held, and returns it as it is handed over.
        count_skipped: Called with how many frames were skipped, ``changed`` held.

    Attributes:
        finished: Whether the reader has ended.
        error: What it ended with, if that was an error.
        revoked: Whether nobody wants more from it.
        began: Monotonic time at which it began, or of its first frame once there is one.
        last_sign: Monotonic time of its last frame, or of its start.
        num_frames: Frames so far.
        delivering: Whether it waits for room in the buffer, and so cannot be blamed for silence.
    """

    def __init__(
        self,
        reader: Reader,
        shown: str,
        handover: Handover,
        changed: threading.Condition,
        *,
        adopt: Callable[[TimedFrame], TimedFrame],
        count_skipped: Callable[[int], None],
    ) -> None:
        self.reader = reader
        self.finished = False
        self.error: BaseException | None = None
        self.revoked = False
        self.began = self.last_sign = time.monotonic()
        self.num_frames = 0
        self.delivering = False
        self._handover = handover
        self._changed = changed
        self._adopt = adopt
        self._skipped = count_skipped
        self._thread = ReaderThread(
            reader,
            shown,
            deliver=self._deliver,
            count_skipped=self._count_skipped,
            finished=self._finish,
            stopped=lambda: self.revoked or handover.closed,
        )

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait for the reader to end, at most so many seconds."""
        self._thread.join(timeout)

    def revoke(self) -> None:
        """Want no more from it, whatever it does."""
        with self._changed:
            self.revoked = True

    def _deliver(self, timed: TimedFrame) -> bool:
        with self._changed:
            if self.revoked:
                return False
            self.num_frames += 1
            self.last_sign = time.monotonic()
            if self.num_frames == 1:
                self.began = self.last_sign
            timed = self._adopt(timed)
            self.delivering = True
        try:
            return self._handover.put(timed.frame, timed.due)
        finally:
            with self._changed:
                self.delivering = False
                self.last_sign = time.monotonic()
                if self.num_frames == 1:
                    self._changed.notify_all()

    def _count_skipped(self, num_frames: int) -> None:
        with self._changed:
            if not self.revoked:
                self.last_sign = time.monotonic()
                self._skipped(num_frames)

    def _finish(self, error: BaseException | None) -> None:
        with self._changed:
            self.finished, self.error = True, error
            self._changed.notify_all()
