"""How long to wait before something that failed is tried again."""

import random

from vidcache.errors import ConfigError

__all__ = ["RetryDelay"]


class RetryDelay:
    """Waits that double from failure to failure, each a little at random.

    Outputs that failed together thus do not all come back in the same moment.

    Args:
        first_seconds: About how long the first wait is.
        longest_seconds: How long a wait gets at most.

    Raises:
        ConfigError: A time is not above 0.

    Example:
        >>> delay = RetryDelay(1.0, 8.0)
        >>> [round(delay.next_seconds()) <= limit for limit in (1, 2, 4, 8, 8)]
        [True, True, True, True, True]
    """

    def __init__(self, first_seconds: float = 1.0, longest_seconds: float = 60.0) -> None:
        if not 0 < first_seconds <= longest_seconds:
            raise ConfigError(
                f"waits from {first_seconds:g} to {longest_seconds:g} s: expected the first to be "
                "above 0 and the longest not to be shorter"
            )
        self._first = first_seconds
        self._longest = longest_seconds
        self._next = first_seconds

    def next_seconds(self) -> float:
        """The wait after one more failure: between three quarters and all of what is due."""
        due, self._next = self._next, min(2 * self._next, self._longest)
        return due * random.uniform(0.75, 1.0)

    def reset(self) -> None:
        """It works again: the next failure is a first one."""
        self._next = self._first
