"""Which frame may see which: the one rule behind the clip's mask and the stream's eviction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from vidcache.cache.eviction.base import EvictionPolicy

__all__ = ["FrameTimes", "visible"]

_EMPTY = -1


@dataclass(frozen=True, eq=False)
class FrameTimes:
    """When frames are, in both of a stream's clocks.

    Attributes:
        index: Number of each frame in its stream, from 0; -1 where there is none. int64, (B, F).
        seconds: Time of each frame, float64, (B, F); zeros where a stream has no times.
    """

    index: Tensor
    seconds: Tensor

    def joined(self, other: FrameTimes) -> FrameTimes:
        """Returns these frames followed by the others."""
        return FrameTimes(
            torch.cat([self.index, other.index], dim=1),
            torch.cat([self.seconds, other.seconds], dim=1),
        )


def visible(policy: EvictionPolicy, queries: FrameTimes, keys: FrameTimes) -> Tensor:
    """Says which key frames each query frame may see.

    Everything that decides about visibility asks here: the mask of a whole clip, the mask of a
    step, and the slot table when it looks for a slot that nobody needs any more.

    Args:
        policy: The eviction policy, which limits how far back a query sees.
        queries: Times of the query frames, (B, Q).
        keys: Times of the key frames, (B, K).

    Returns:
        A bool tensor (B, Q, K): true where the key frame exists, is not later than the query and
        is within the policy's reach.
    """
    query = FrameTimes(queries.index[:, :, None], queries.seconds[:, :, None])
    key = FrameTimes(keys.index[:, None, :], keys.seconds[:, None, :])
    causal = (key.index != _EMPTY) & (key.index <= query.index)
    return causal & policy.reaches(query, key)
