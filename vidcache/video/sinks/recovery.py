"""A live output that failed and tries again."""

import logging
import time

from vidcache.video.backoff import Backoff, ReconnectPolicy

__all__ = ["Recovery"]

_log = logging.getLogger(__name__)


class Recovery:
    """Says when an output that failed may be tried again, and tells people once about it.

    Args:
        what: What fails, as people know it.
        first_seconds: About how long it waits after a first failure; twice as long after a next.
        longest_seconds: How long it waits at most.
    """

    def __init__(
        self, what: str, first_seconds: float = 1.0, longest_seconds: float = 60.0
    ) -> None:
        self._what = what
        self._backoff = Backoff(
            ReconnectPolicy(first_delay=first_seconds, max_delay=longest_seconds)
        )
        self._retry_at = 0.0
        self._failing = False

    @property
    def due(self) -> bool:
        """True if it may be tried."""
        return time.monotonic() >= self._retry_at

    def note_failure(self, error: Exception) -> None:
        """It failed; until some time has passed it is not `due`."""
        if not self._failing:
            _log.warning("%s; trying again until it works", error)
        self._failing = True
        self._retry_at = time.monotonic() + self._backoff.failed()

    def note_success(self, num_lost: int) -> None:
        """It works.

        Args:
            num_lost: How many results were lost meanwhile.
        """
        if self._failing:
            _log.warning("'%s' is written again; %d results were lost", self._what, num_lost)
            self._failing = False
            self._backoff.succeeded()
