"""Attention of one new frame to its window and to what the archive brings back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from vidcache.cache import HeadState, SlotPlan
from vidcache.cache.archive import Archive
from vidcache.cache.frame_times import EMPTY, NEVER
from vidcache.head.attention import FrameAttention, slots_bias
from vidcache.head.partial_attention import attend_partially, merge_attention

if TYPE_CHECKING:
    from vidcache.head.config import HeadConfig

__all__ = ["ArchiveAttention"]


class ArchiveAttention(FrameAttention):
    """One new frame sees every frame in the slots, and the best of those that left them.

    Frames that the policy shows no more, but that are still in their slots, are seen there: on its
    way to the archive no frame is out of sight.

    Args:
        config: Settings of the head.
        state: The state that holds history.
        archive: Its archive.
        plan: Where the frame goes, T = 1.
        rotation: Its rotations, or None.
    """

    def __init__(
        self,
        config: HeadConfig,
        state: HeadState,
        archive: Archive,
        plan: SlotPlan,
        rotation: Tensor | None,
    ) -> None:
        held = state.slots.held.index[plan.rows]
        super().__init__(config, state, plan, rotation)
        self._archive = archive
        # After the storage made sure that there is room, and before the first lane is written.
        self._retrieval = archive.begin(state.storage, held, plan.slots[:, 0], plan.rows)
        self._archive_bias = None if self._retrieval.empty else self._retrieval.bias()
        in_slots = plan.held.index[:, None] != EMPTY
        self._slots_bias = slots_bias(in_slots, config.num_tokens, state)

        more = (in_slots & ~plan.seen).any(dim=(1, 2)) | self._retrieval.rows
        since = torch.where(more, plan.times.index[:, 0], NEVER)
        self._plan = replace(plan, inexact_since=torch.minimum(plan.inexact_since, since))

    def commit(self) -> None:
        """Makes the frame history, and archives the one whose slot it took."""
        super().commit()
        self._archive.commit(self._plan.rows)
        self._retrieval.finish()

    def _attended(self, lane: int, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        bias = self._slots_bias
        if self._retrieval.empty:
            return scaled_dot_product_attention(query, keys, values, attn_mask=bias)
        window = attend_partially(query, keys, values, bias)
        keys, values = self._retrieval.lane(lane, query, window.log_sum)
        archived = attend_partially(query, keys, values, self._archive_bias)
        return merge_attention([window, archived]).out
