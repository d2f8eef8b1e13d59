"""Attention to history: which keys the queries of a clip, a chunk or one frame are given.

A head runs the same blocks in all three cases and asks one of these classes for attention in a
lane. :class:`ChunkAttention` joins the new keys to those in the cache, if there is one, and so
serves whole clips too; :class:`FrameAttention` serves the common case of one new frame, which it
writes into its slot before it attends, so that nothing is joined, copied or allocated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from vidcache.cache import FrameTimes, HeadState, SlotPlan, visible

if TYPE_CHECKING:
    from vidcache.head.config import HeadConfig

__all__ = ["ChunkAttention", "FrameAttention"]

_KeysValues = tuple[Tensor, Tensor]


class ChunkAttention:
    """Several new frames see each other and, if there is a state, its cached frames.

    Args:
        config: Settings of the head.
        times: Times of the new frames, (B or 1, T).
        device: Where attention is computed.
        state: The state that holds history, or None for a clip that has none.
        plan: Where the frames go in that state.
    """

    def __init__(
        self,
        config: HeadConfig,
        times: FrameTimes,
        device: torch.device,
        state: HeadState | None = None,
        plan: SlotPlan | None = None,
    ) -> None:
        self._depth = config.depth
        self._own_history = config.cache_scope == "iteration"
        self._state = state
        self._plan = plan
        self._written: list[_KeysValues] = []

        known = times if state is None else state.slots.held.joined(times)
        mask = visible(config.eviction, times, known)
        self._mask = _token_mask(mask, config.num_tokens).to(device)
        if not self._own_history:
            past = mask & (known.index[:, None, :] < times.index[:, :, None])
            itself = torch.eye(mask.shape[1], dtype=torch.bool).expand(len(mask), -1, -1)
            later = torch.cat([past, itself], dim=2)
            self._later_mask = _token_mask(later, config.num_tokens).to(device)

    def attend(
        self, iteration: int, layer: int, query: Tensor, key: Tensor, value: Tensor
    ) -> Tensor:
        """Attends in the lane (iteration, layer).

        Args:
            iteration: The refinement pass.
            layer: The block of the trunk.
            query: Queries of the new frames, (B, nh, T·N, hd).
            key: Their keys.
            value: Their values.

        Returns:
            (B, nh, T·N, hd), in the dtype of the queries.
        """
        dtype = query.dtype
        if self._state is not None:
            stored = self._state.dtype
            query, key, value = query.to(stored), key.to(stored), value.to(stored)
        keys, values = [key], [value]
        mask = self._mask
        if iteration > 0 and not self._own_history:
            first_key, first_value = self._written[layer]
            keys, values = [first_key, key], [first_value, value]
            mask = self._later_mask
        else:
            self._written.append((key, value))
        if self._state is not None:
            lane = iteration * self._depth + layer if self._own_history else layer
            cached_key, cached_value = self._state.storage.lane(lane)
            keys, values = [cached_key, *keys], [cached_value, *values]
        seen_keys, seen_values = torch.cat(keys, dim=2), torch.cat(values, dim=2)
        out = scaled_dot_product_attention(query, seen_keys, seen_values, attn_mask=mask)
        return out.to(dtype)

    def commit(self) -> None:
        """Makes the new frames history: writes them into their slots, in every lane."""
        assert self._state is not None and self._plan is not None
        for lane, (key, value) in enumerate(self._written):
            self._state.storage.write_chunk(lane, self._plan.slots, key, value)
        self._state.slots.commit(self._plan)


class FrameAttention:
    """One new frame, written in place, sees the slots that its row may see.

    The slot that it takes holds no frame that it can see, so nothing is lost by writing first.
    Where passes share the history of the first one, the slot holds the keys of the pass that is
    running, and :meth:`commit` puts those of the first pass back.

    Args:
        config: Settings of the head.
        state: The state that holds history.
        plan: Where the frame goes, T = 1.
    """

    def __init__(self, config: HeadConfig, state: HeadState, plan: SlotPlan) -> None:
        self._depth = config.depth
        self._own_history = config.cache_scope == "iteration"
        self._state = state
        self._plan = plan
        self._first: list[_KeysValues] = []

        slots = plan.slots[:, 0]
        same = len(slots) == 1 or bool((slots == slots[0]).all())
        self._slots = slots[0] if same else slots.to(state.device)
        mask = visible(config.eviction, plan.times, plan.held)
        self._bias = None if bool(mask.all()) else _bias(mask, config.num_tokens, state)

    def attend(
        self, iteration: int, layer: int, query: Tensor, key: Tensor, value: Tensor
    ) -> Tensor:
        """Writes the frame into the lane (iteration, layer) and attends there.

        Args:
            iteration: The refinement pass.
            layer: The block of the trunk.
            query: Queries of the frame, (B, nh, N, hd).
            key: Its keys.
            value: Its values.

        Returns:
            (B, nh, N, hd), in the dtype of the queries.
        """
        storage = self._state.storage
        lane = iteration * self._depth + layer if self._own_history else layer
        storage.write_frame(lane, self._slots, key, value)
        if not self._own_history and iteration == 0:
            self._first.append((key, value))
        keys, values = storage.lane(lane)
        out = scaled_dot_product_attention(query.to(keys.dtype), keys, values, attn_mask=self._bias)
        return out.to(query.dtype)

    def commit(self) -> None:
        """Makes the frame history."""
        for lane, (key, value) in enumerate(self._first):
            self._state.storage.write_frame(lane, self._slots, key, value)
        self._state.slots.commit(self._plan)


def _token_mask(mask: Tensor, num_tokens: int) -> Tensor:
    """Widens a mask of frames (B, Q, K) to tokens, (B, 1, Q·N, K·N)."""
    tokens = mask.repeat_interleave(num_tokens, dim=1).repeat_interleave(num_tokens, dim=2)
    return tokens[:, None]


def _bias(mask: Tensor, num_tokens: int, state: HeadState) -> Tensor:
    """Turns a mask (B, 1, S) into what is added to the scores of one frame, (B, 1, 1, S·N)."""
    bias = torch.zeros(mask.shape, dtype=state.dtype).masked_fill_(~mask, -torch.inf)
    return bias.repeat_interleave(num_tokens, dim=2)[:, None].to(state.device)
