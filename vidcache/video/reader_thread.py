"""A reader on a thread of its own."""

import threading
from collections.abc import Callable

from vidcache.errors import SourceError, VidcacheError
from vidcache.video.locations import hide_credentials_in
from vidcache.video.reading import Reader, TimedFrame

__all__ = ["ReaderThread"]


class ReaderThread:
    """Runs a reader and passes on its frames, how many it skipped, and how it ended.

    Args:
        reader: What reads.
        shown: What it reads, credentials hidden.
        deliver: Takes each frame; False says that no more are wanted. It may wait.
        count_skipped: Takes how many frames were skipped since it was last called.
        finished: Told once at the end, with the error if it was one.
        stopped: Asked again and again; once it is true, reading ends.
    """

    def __init__(
        self,
        reader: Reader,
        shown: str,
        *,
        deliver: Callable[[TimedFrame], bool],
        count_skipped: Callable[[int], None],
        finished: Callable[[BaseException | None], None],
        stopped: Callable[[], bool],
    ) -> None:
        self._reader = reader
        self._shown = shown
        self._deliver = deliver
        self._count_skipped = count_skipped
        self._finished = finished
        self._stopped = stopped
        self._num_skipped = 0
        self._thread = threading.Thread(
            target=self._run, name=f"vidcache-decode {shown}", daemon=True
        )

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait for the thread to end, at most so many seconds."""
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self) -> None:
        error: BaseException | None = None
        frames = self._reader.frames(self._stopped)
        try:
            for timed in frames:
                self._report_skipped()
                if not self._deliver(timed):
                    break
            self._report_skipped()
        except VidcacheError as known:
            error = known
        except Exception as unknown:
            why = hide_credentials_in(f"{type(unknown).__name__}: {unknown}")
            error = SourceError(f"reading '{self._shown}' failed: {why}", reason=why)
            error.__cause__ = unknown
        finally:
            close = getattr(frames, "close", None)
            if close is not None:
                close()
            self._finished(error)

    def _report_skipped(self) -> None:
        now = self._reader.num_skipped
        if now > self._num_skipped:
            self._count_skipped(now - self._num_skipped)
            self._num_skipped = now
