"""The frames that were attended last: LRU, where to be attended is to be used."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from vidcache.cache.eviction.base import register_policy
from vidcache.cache.eviction.scored import FrameRecords, Gathers, ScoredPolicy

__all__ = ["LeastRecentlyAttended"]


@register_policy
@dataclass(frozen=True)
class LeastRecentlyAttended(ScoredPolicy):
    """Lets the frame go that has not been attended for the longest time.

    Each step attends to one frame in this sense: the one, besides its own, that it gave the largest
    share. To exceed an even share would not do; in a step that asks for nothing every second frame
    exceeds it.
    Settings and errors are those of :class:`ScoredPolicy`.

    Example:
        >>> LeastRecentlyAttended(budget=64, recent=8).capacity
        64

    Source:
        Least recently used replacement; for tokens of a language model: Oren et al.,
        "Transformers are Multi-State RNNs", 2024, which judges by the last step alone.
    """

    gathers: ClassVar[Gathers] = "attention"

    def worth(self, records: FrameRecords) -> Tensor:
        """The number of the last frame that attended to it."""
        return records.last_attended
