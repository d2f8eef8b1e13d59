"""Dense near, sparse far: the further back, the fewer frames."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from vidcache.cache.eviction.base import EvictionPolicy, register_policy
from vidcache.cache.eviction.checks import require_count
from vidcache.cache.frame_times import FrameTimes
from vidcache.errors import ConfigError

__all__ = ["LogSpaced"]


@register_policy
@dataclass(frozen=True)
class LogSpaced(EvictionPolicy):
    """Shows the last ``window`` frames, and ever fewer of the older ones.

    Level k covers the ages from ``window · 2^(k-1)`` to ``window · 2^k`` and shows the frames
    whose numbers are multiples of 2^k: every second one of level 1, every fourth one of level 2.
    A multiple of 8 is one of 4 as well, so a frame that left never returns. The reach,
    ``window · 2^levels`` frames, doubles with each level; the memory grows by half a window.

    Args:
        window: How many of the newest frames are all shown, the current one included.
        levels: How many times the reach is doubled.

    Raises:
        ConfigError: A setting is not a whole number, or out of range.

    Example:
        Reaches back 2,048 frames and holds 128:

        >>> LogSpaced(window=32, levels=6).capacity
        128
    """

    window: int
    levels: int = 4

    def __post_init__(self) -> None:
        require_count("window", self.window, at_least=1)
        require_count("levels", self.levels, at_least=1)
        if self.levels > 32:
            raise ConfigError(f"levels is {self.levels}: 32 reach further than any stream is long")

    @property
    def capacity(self) -> int:
        """The window, and half a window (rounded up) for each level."""
        return self.window + self.levels * ((self.window + 1) // 2)

    def reaches(self, query: FrameTimes, key: FrameTimes) -> Tensor:
        """True for the newest frames, and for older ones with a round enough number."""
        age = query.index - key.index
        reached = age < self.window
        for level in range(1, self.levels + 1):
            near_enough = age < self.window << level
            reached = reached | (near_enough & (key.index % (1 << level) == 0))
        return reached
