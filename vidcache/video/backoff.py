"""How long to wait before a source that failed is tried again."""

import math
import random
from dataclasses import dataclass

from vidcache.errors import ConfigError

__all__ = ["Backoff", "ReconnectPolicy"]


@dataclass(frozen=True)
class ReconnectPolicy:
    """How a live source that failed is taken up again.

    Attributes:
        first_delay: Seconds before the first new attempt.
        factor: How many times longer each further wait is, at least 1.
        max_delay: Seconds that a wait lasts at most.
        jitter: Share by which each wait is made longer or shorter at random, 0 to 1, so that many
            cameras behind one switch are not all tried in the same moment.
        max_attempts: Failures in a row after which the source is given up; None for never.
        reset_seconds: How long it must have given pictures for the waits to be short again.

    Raises:
        ConfigError: A value out of range.

    Example:
        >>> policy = ReconnectPolicy(first_delay=1.0, factor=2.0, max_delay=30.0)
        >>> [policy.delay(failures) for failures in (1, 2, 3, 10)]
        [1.0, 2.0, 4.0, 30.0]
    """

    first_delay: float = 1.0
    factor: float = 2.0
    max_delay: float = 30.0
    jitter: float = 0.2
    max_attempts: int | None = None
    reset_seconds: float = 10.0

    def __post_init__(self) -> None:
        for name in ("first_delay", "max_delay", "reset_seconds"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"{name}={value}: expected seconds, 0 or more")
        if not (math.isfinite(self.factor) and self.factor >= 1):
            raise ConfigError(f"factor={self.factor}: expected at least 1")
        if not 0 <= self.jitter <= 1:
            raise ConfigError(f"jitter={self.jitter}: expected a share from 0 to 1")
        if self.max_attempts is not None and self.max_attempts < 1:
            raise ConfigError(f"max_attempts={self.max_attempts}: expected at least 1, or None")

    def delay(self, num_failures: int) -> float:
        """Seconds to wait after so many failures in a row (1 or more), without jitter."""
        # Beyond this the power would overflow long after it has passed every sensible limit.
        growth = self.factor ** min(num_failures - 1, 64)
        return min(self.first_delay * growth, self.max_delay)


class Backoff:
    """Counts failures in a row and says how long to wait after each.

    Args:
        policy: How long.
        rng: Source of the jitter.

    Attributes:
        num_failures: Failures since the last success.
    """

    def __init__(self, policy: ReconnectPolicy, rng: random.Random | None = None) -> None:
        self._policy = policy
        self._rng = rng if rng is not None else random.Random()
        self.num_failures = 0

    @property
    def exhausted(self) -> bool:
        """Whether there were as many failures in a row as are allowed."""
        limit = self._policy.max_attempts
        return limit is not None and self.num_failures >= limit

    def succeeded(self) -> None:
        """Begin again with short waits."""
        self.num_failures = 0

    def failed(self) -> float:
        """Count a failure, and return how many seconds to wait."""
        self.num_failures += 1
        return self._jittered(self._policy.delay(self.num_failures))

    def refused(self) -> float:
        """Count a failure that is likely to last, and return the longest wait."""
        self.num_failures += 1
        return self._jittered(self._policy.max_delay)

    def _jittered(self, seconds: float) -> float:
        jittered = seconds * (1 + self._policy.jitter * self._rng.uniform(-1, 1))
        return min(jittered, self._policy.max_delay)
