"""The frames that were attended most, and the newest ones."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from vidcache.cache.eviction.base import register_policy
from vidcache.cache.eviction.scored import FrameRecords, Gathers, ScoredPolicy
from vidcache.cache.frame_times import EMPTY

__all__ = ["HeavyHitter"]


@register_policy
@dataclass(frozen=True)
class HeavyHitter(ScoredPolicy):
    """Lets the frame go that has received the least attention a step since it came.

    A young frame has had little time to receive any: the ``recent`` ones are therefore safe, and
    what is not asked for while it is recent is soon lost. Settings and errors are those of
    :class:`ScoredPolicy`.

    Example:
        >>> HeavyHitter(budget=64, recent=16, sink_frames=1).capacity
        64

    Source:
        Zhang et al., "H2O: Heavy-Hitter Oracle for Efficient Generative Inference of Large
        Language Models", 2023, here for whole frames and all heads together. There the attention is
        summed up; in a stream without end no new frame could catch up with the first ones.
    """

    gathers: ClassVar[Gathers] = "attention"

    def worth(self, records: FrameRecords) -> Tensor:
        """The attention received so far, over the number of steps since the frame came."""
        newest = records.index.masked_fill(~records.seen, EMPTY).amax(dim=1, keepdim=True)
        return records.attention / (newest - records.index + 1)
