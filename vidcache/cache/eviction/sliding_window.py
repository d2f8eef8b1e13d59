"""The last frames, and nothing else."""

from dataclasses import dataclass

from torch import Tensor

from vidcache.cache.eviction.base import EvictionPolicy, register_policy
from vidcache.cache.eviction.checks import require_count
from vidcache.cache.frame_times import FrameTimes

__all__ = ["SlidingWindow"]


@register_policy
@dataclass(frozen=True)
class SlidingWindow(EvictionPolicy):
    """Shows the last ``window`` frames, the current one included.

    Args:
        window: How many frames a query sees; 1 leaves each frame to itself.

    Raises:
        ConfigError: ``window`` is not a whole number of at least 1.

    Example:
        >>> SlidingWindow(window=64).capacity
        64
    """

    window: int

    def __post_init__(self) -> None:
        require_count("window", self.window, at_least=1)

    @property
    def capacity(self) -> int:
        """The window."""
        return self.window

    def reaches(self, query: FrameTimes, key: FrameTimes) -> Tensor:
        """True for the ``window`` newest frames."""
        return query.index - key.index < self.window
