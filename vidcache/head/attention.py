"""Attention to history: which keys the queries of a clip, a chunk or one frame are given.

A head runs the same blocks in all three cases and asks one of these classes for attention in a
lane. :class:`ClipAttention` has no history, :class:`ChunkAttention` joins the new keys to the
cached ones, and :class:`FrameAttention`, for one new frame, writes it into its slot before it
attends, so that nothing is joined, copied or allocated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from vidcache.cache import FrameTimes, HeadState, SlotPlan, visible
from vidcache.head.rotary import cast
from vidcache.head.score_gathering import ScoreGathering

if TYPE_CHECKING:
    from vidcache.head.config import HeadConfig

__all__ = ["ChunkAttention", "ClipAttention", "FrameAttention", "slots_bias"]

# From so many keys of several streams on, a processor is as fast or faster at two plain products
# than at PyTorch's fused attention, which is made for many queries.
_LEAST_FOR_PRODUCTS = 256

_KeysValues = tuple[Tensor, Tensor]


class ClipAttention:
    """The frames of a whole clip see each other.

    Args:
        config: Settings of the head.
        times: Times of the clip's frames, (B or 1, T).
        device: Where attention is computed.
    """

    def __init__(self, config: HeadConfig, times: FrameTimes, device: torch.device) -> None:
        self._begin(config, visible(config.eviction, times, times), device)

    def _begin(self, config: HeadConfig, mask: Tensor, device: torch.device) -> None:
        """Takes what each new frame sees: cached frames, then the new ones, (B, T, … + T)."""
        self._depth = config.depth
        self._own_history = config.cache_scope == "iteration"
        self._written: list[_KeysValues] = []
        self._mask = _token_mask(mask, config.num_tokens).to(device)
        if not self._own_history:
            # Of the new frames' own keys in the first pass, later passes see the earlier frames'.
            itself = torch.eye(mask.shape[1], dtype=torch.bool).expand(len(mask), -1, -1)
            past = mask.clone()
            past[:, :, -mask.shape[1] :] &= ~itself
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
            (B, nh, T·N, hd).
        """
        new = (key, value)
        if self._own_history or iteration == 0:
            seen, mask = [new], self._mask
            self._written.append(new)
        else:
            seen, mask = [self._written[layer], new], self._later_mask
        lane = iteration * self._depth + layer if self._own_history else layer
        keys, values = zip(*self._cached(lane), *seen, strict=True)
        return scaled_dot_product_attention(
            query, torch.cat(keys, dim=2), torch.cat(values, dim=2), attn_mask=mask
        )

    def _cached(self, lane: int) -> list[_KeysValues]:
        return []


class ChunkAttention(ClipAttention):
    """Several new frames of a stream see its cached frames and each other.

    Nothing is written before :meth:`commit`, so that what the first query may see survives until
    the last pass is done.

    Args:
        config: Settings of the head.
        state: The state that holds history.
        plan: Where the new frames go in it.
    """

    def __init__(self, config: HeadConfig, state: HeadState, plan: SlotPlan) -> None:
        self._state = state
        self._plan = plan
        self._place = state.storage.place(plan.slots, plan.rows)
        self._new: list[_KeysValues] = []
        self._begin(config, plan.seen, state.device)

    def attend(
        self, iteration: int, layer: int, query: Tensor, key: Tensor, value: Tensor
    ) -> Tensor:
        """Attends in the lane (iteration, layer), in the dtype of the state."""
        if self._own_history or iteration == 0:
            self._new.append((key, value))
        # Single frames are read from storage; what a format rounds, chunks must see rounded too.
        key, value = self._state.storage.round_trip(key, value)
        out = super().attend(iteration, layer, query.to(self._state.dtype), key, value)
        return out.to(query.dtype)

    def commit(self) -> None:
        """Makes the new frames history: writes them into their slots, in every lane."""
        for lane, (key, value) in enumerate(self._new):
            self._state.storage.write_chunk(lane, self._place, key, value)
        self._state.slots.commit(self._plan)

    def _cached(self, lane: int) -> list[_KeysValues]:
        return [self._state.storage.lane(lane, self._place)]


class FrameAttention:
    """One new frame, written in place, sees the slots that its row may see.

    The slot that it takes holds no frame that it can see, so nothing is lost by writing first.
    Where passes share the history of the first one, the slot holds the keys of the pass that is
    running, and :meth:`commit` puts those of the first pass back.

    Args:
        config: Settings of the head.
        state: The state that holds history.
        plan: Where the frame goes, T = 1.
        rotation: Its rotations, which policies that judge by keys must undo, or None.
    """

    def __init__(
        self, config: HeadConfig, state: HeadState, plan: SlotPlan, rotation: Tensor | None
    ) -> None:
        self._depth = config.depth
        self._own_history = config.cache_scope == "iteration"
        self._state = state
        self._plan = plan
        self._first: list[_KeysValues] = []

        self._place = state.storage.place(plan.slots, plan.rows)
        self._bias = slots_bias(plan.seen, config.num_tokens, state)
        scored = config.eviction.scored
        self._gather = scored and ScoreGathering(config, scored.gathers, rotation)

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
        storage.write_frame(lane, self._place, key, value)
        if not self._own_history and iteration == 0:
            self._first.append((key, value))
        keys, values = storage.lane(lane, self._place)
        query_stored = cast(query, keys.dtype)
        if self._gather is not None:
            self._gather.take(iteration, layer, query_stored, key, keys, self._bias)
        return cast(self._attended(lane, query_stored, keys, values), query.dtype)

    def commit(self) -> None:
        """Makes the frame history."""
        for lane, (key, value) in enumerate(self._first):
            self._state.storage.write_frame(lane, self._place, key, value)
        self._state.slots.commit(self._plan, self._gather and self._gather.gathered())

    def _attended(self, lane: int, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attends to the slots of a lane, (B, nh, S·N, hd), in their dtype."""
        streams, num_keys = keys.shape[0], keys.shape[2]
        is_many = streams > 1 and streams * num_keys >= _LEAST_FOR_PRODUCTS
        if not is_many or keys.device.type != "cpu":
            return scaled_dot_product_attention(query, keys, values, attn_mask=self._bias)
        scores = (query * query.shape[-1] ** -0.5) @ keys.transpose(2, 3)
        if self._bias is not None:
            scores += self._bias
        return scores.softmax(dim=-1) @ values


def _token_mask(mask: Tensor, num_tokens: int) -> Tensor:
    """Widens a mask of frames (B, Q, K) to tokens, (B, 1, Q·N, K·N)."""
    tokens = mask.repeat_interleave(num_tokens, dim=1).repeat_interleave(num_tokens, dim=2)
    return tokens[:, None]


def slots_bias(mask: Tensor, num_tokens: int, state: HeadState) -> Tensor | None:
    """Turns a mask of slots into what is added to the scores of one frame.

    Args:
        mask: Which slots are seen, (B, 1, S).
        num_tokens: Tokens N of a frame.
        state: The state, which says dtype and device.

    Returns:
        (B, 1, 1, S·N), or None where all slots are seen.
    """
    if bool(mask.all()):
        return None
    bias = torch.full(mask.shape, -torch.inf, dtype=state.dtype).masked_fill_(mask, 0.0)
    if num_tokens > 1:
        bias = bias.repeat_interleave(num_tokens, dim=2)
    return bias[:, None].to(state.device)
