"""The frames that their neighbours do not explain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from vidcache.cache.eviction.base import register_policy
from vidcache.cache.eviction.scored import FrameRecords, Gathers, ScoredPolicy

__all__ = ["LeastNovel"]

# Below this share of the neighbours' own lengths they point the same way, and one will do.
_PARALLEL = 1e-6


@register_policy
@dataclass(frozen=True)
class LeastNovel(ScoredPolicy):
    """Lets the frame go whose keys its two neighbours in time explain best.

    A frame's novelty is the squared length of what is left of its keys after the best combination
    of the keys of the held frames before and after it: 0 in a still picture. It is not taken as a
    share of the keys' own length: what a head has no use for gets short keys, and the noise in
    them would count as much as an event. A long still shot shrinks to a few frames, a short event
    stays, until as many other events have come. Settings and errors are those of
    :class:`ScoredPolicy`.

    Example:
        >>> LeastNovel(budget=64, recent=16).capacity
        64
    """

    gathers: ClassVar[Gathers] = "keys"

    def worth(self, records: FrameRecords) -> Tensor:
        """The novelty of each frame."""
        last = torch.iinfo(records.index.dtype).max
        order = torch.where(records.seen, records.index, last).argsort(dim=1)
        in_order = records.seen.gather(1, order)[..., None]
        keys = records.keys.gather(1, order[..., None].expand_as(records.keys)) * in_order
        return torch.empty_like(keys[..., 0]).scatter_(1, order, _novelty(keys))


def _novelty(keys: Tensor) -> Tensor:
    """Returns the squared length that neighbours leave unexplained, (B, S) of (B, S, D)."""
    nothing = torch.zeros_like(keys[:, :1])
    before, after = torch.cat([nothing, keys[:, :-1]], 1), torch.cat([keys[:, 1:], nothing], 1)
    own = (keys * keys).sum(-1)
    shared = (keys * after).sum(-1)
    across = (before * after).sum(-1)
    none = torch.zeros_like(own[:, :1])
    with_before, with_after = torch.cat([none, shared[:, :-1]], 1), shared
    length_before = torch.cat([none, own[:, :-1]], 1)
    length_after = torch.cat([own[:, 1:], none], 1)

    area = length_before * length_after - across.square()
    by_both = (
        length_after * with_before.square()
        - 2 * across * with_before * with_after
        + length_before * with_after.square()
    ) / area
    tiny = torch.finfo(keys.dtype).tiny
    by_one = torch.maximum(
        with_before.square() / length_before.clamp_min(tiny),
        with_after.square() / length_after.clamp_min(tiny),
    )
    apart = area > _PARALLEL * length_before * length_after
    explained = torch.where(apart, by_both, by_one)
    return own - explained
