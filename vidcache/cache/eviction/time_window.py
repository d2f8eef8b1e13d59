"""The last seconds, whatever the frame rate."""

from dataclasses import dataclass

from torch import Tensor

from vidcache.cache.eviction.base import EvictionPolicy, register_policy
from vidcache.cache.eviction.checks import require_count
from vidcache.cache.frame_times import FrameTimes
from vidcache.errors import ConfigError

__all__ = ["TimeWindow"]


@register_policy
@dataclass(frozen=True)
class TimeWindow(EvictionPolicy):
    """Shows the frames younger than ``seconds``, and at most the last ``max_frames``.

    The reach is half open: at 10 frames a second, a second reaches the current frame and the nine
    before it. A stream that runs faster than ``max_frames / seconds`` is cut to ``max_frames``,
    so that memory stays bounded.

    Args:
        seconds: How far back a query sees.
        max_frames: The most frames that a query sees, itself included.

    Raises:
        ConfigError: A setting is not a number, or not positive.

    Example:
        >>> TimeWindow(seconds=4.0, max_frames=128).capacity
        128
    """

    seconds: float
    max_frames: int

    def __post_init__(self) -> None:
        require_count("max_frames", self.max_frames, at_least=1)
        if not 0 < self.seconds < float("inf"):
            raise ConfigError(f"seconds is {self.seconds!r}: give a positive, finite time")

    @property
    def needs_seconds(self) -> bool:
        """True."""
        return True

    @property
    def capacity(self) -> int:
        """``max_frames``."""
        return self.max_frames

    def reaches(self, query: FrameTimes, key: FrameTimes) -> Tensor:
        """True for frames that are young enough in seconds and in number."""
        young = query.seconds - key.seconds < self.seconds
        return young & (query.index - key.index < self.max_frames)
