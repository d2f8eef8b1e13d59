"""The last frames and the first ones of the stream."""

from dataclasses import dataclass

from torch import Tensor

from vidcache.cache.eviction.base import EvictionPolicy, register_policy
from vidcache.cache.eviction.checks import require_count
from vidcache.cache.frame_times import FrameTimes

__all__ = ["SinkWindow"]


@register_policy
@dataclass(frozen=True)
class SinkWindow(EvictionPolicy):
    """Shows the last ``window`` frames and, for ever, the first ``sink_frames`` of the stream.

    Args:
        window: How many of the newest frames a query sees, itself included.
        sink_frames: How many of the stream's first frames stay visible.

    Raises:
        ConfigError: A setting is not a whole number, or too small.

    Example:
        >>> SinkWindow(window=64, sink_frames=1).capacity
        65

    Source:
        Attention sinks: Xiao et al., "Efficient Streaming Language Models with Attention Sinks",
        2023, here for whole frames.
    """

    window: int
    sink_frames: int = 1

    def __post_init__(self) -> None:
        require_count("window", self.window, at_least=1)
        require_count("sink_frames", self.sink_frames, at_least=0)

    @property
    def capacity(self) -> int:
        """The window and the sinks together."""
        return self.window + self.sink_frames

    def reaches(self, query: FrameTimes, key: FrameTimes) -> Tensor:
        """True for the newest frames and for the stream's first ones."""
        return (query.index - key.index < self.window) | (key.index < self.sink_frames)
