"""Which frame may see which: the one rule behind the clip's mask and the stream's eviction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from vidcache.cache.frame_times import EMPTY, FrameTimes

if TYPE_CHECKING:
    from vidcache.cache.eviction.base import EvictionPolicy

__all__ = ["visible"]


def visible(policy: EvictionPolicy, queries: FrameTimes, keys: FrameTimes) -> Tensor:
    """Says which key frames each query frame may see.

    Everything that decides about visibility asks here: the mask of a whole clip, the mask of a
    step, and the slot table when it looks for a slot that nobody needs any more.

    Args:
        policy: The eviction policy, which limits how far back a query sees.
        queries: Times of the query frames, (B, Q).
        keys: Times of the key frames, (B, K).

    Returns:
        A bool tensor (B, Q, K): true where the key frame exists, is not later than the query, is
        within the policy's reach and was not let go, or is pinned.
    """
    query = FrameTimes(queries.index.unsqueeze(2), queries.seconds.unsqueeze(2))
    key = FrameTimes(keys.index.unsqueeze(1), keys.seconds.unsqueeze(1))
    causal = (key.index != EMPTY) & (key.index <= query.index)
    reached = policy.reaches(query, key)
    if keys.until is not None:
        reached = reached & (query.index < keys.until[:, None, :])
    if keys.pinned is not None:
        reached = reached | keys.pinned[:, None, :]
    return causal & reached
