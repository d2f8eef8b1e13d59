"""Room for frames that are pinned by hand."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vidcache.cache.eviction.base import EvictionPolicy, register_policy
from vidcache.cache.eviction.checks import require_count
from vidcache.cache.frame_times import FrameTimes

__all__ = ["PinnedFrames"]


@register_policy
@dataclass(frozen=True)
class PinnedFrames(EvictionPolicy):
    """Makes room for ``max_frames`` key frames, which ``state.pin`` keeps until it is unpinned.

    It shows the current frame and nothing else by itself, so it is a part of
    :class:`~vidcache.cache.eviction.composed.Composed`. A clip knows nothing of pins: the stream
    stops being equal to it when a pinned frame is seen from beyond the reach of the other parts.

    Args:
        max_frames: How many frames can be pinned at once.

    Raises:
        ConfigError: ``max_frames`` is not a whole number of at least 1.

    Example:
        >>> from vidcache import Composed, SlidingWindow
        >>> Composed((SlidingWindow(64), PinnedFrames(4))).capacity
        69
    """

    max_frames: int

    def __post_init__(self) -> None:
        require_count("max_frames", self.max_frames, at_least=1)

    @property
    def capacity(self) -> int:
        """The pinned frames and the current one."""
        return self.max_frames + 1

    @property
    def max_pinned(self) -> int:
        """``max_frames``."""
        return self.max_frames

    def reaches(self, query: FrameTimes, key: FrameTimes) -> Tensor:
        """True for the current frame only."""
        return torch.as_tensor(query.index == key.index)
