"""What a step hands over to policies that judge frames: shares of attention, or keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vidcache.cache.eviction.scored import Gathers
from vidcache.cache.frame_scores import Gathered
from vidcache.head.rotary import rotate

if TYPE_CHECKING:
    from vidcache.head.config import HeadConfig

__all__ = ["ScoreGathering"]


class ScoreGathering:
    """Gathers, while one new frame is attended, what its policy asks for.

    Attention is gathered in the last pass, whose prediction is the one that counts, and averaged
    over its layers, heads and tokens. Keys are those of the first layer in the first pass, turned
    back to what they were before rotation, so that frames apart in time can be compared.

    Args:
        config: Settings of the head.
        gathers: What is asked for.
        rotation: Rotations of the frame's queries, keys and values, (B or 1, N, 3, 1, hd / 2), or
            None.
    """

    def __init__(self, config: HeadConfig, gathers: Gathers, rotation: Tensor | None) -> None:
        self._gathers = gathers
        self._last_pass = config.num_iterations - 1
        self._num_tokens = config.num_tokens
        self._rotation = rotation
        self._scores: list[Tensor] = []
        self._scale = config.head_dim**-0.5
        self._bias: Tensor | None = None
        self._keys: Tensor | None = None

    def take(
        self,
        iteration: int,
        layer: int,
        query: Tensor,
        key: Tensor,
        keys: Tensor,
        bias: Tensor | None,
    ) -> None:
        """Takes what there is to gather in one lane.

        Args:
            iteration: The refinement pass.
            layer: The block of the trunk.
            query: Queries of the frame, (B, nh, N, hd).
            key: Its keys.
            keys: Keys of all slots, (B, nh, S·N, hd).
            bias: What is added to the scores, (B, 1, 1, S·N), or None.
        """
        if self._gathers == "keys" and iteration == 0 and layer == 0:
            plain = key.transpose(1, 2)
            if self._rotation is not None:
                plain = rotate(plain, self._rotation[:, :, 1].conj())
            self._keys = plain.flatten(1)
        if self._gathers == "attention" and iteration == self._last_pass:
            self._scores.append(query @ keys.transpose(2, 3))
            self._bias = bias

    def gathered(self) -> Gathered:
        """Returns what the step gathered."""
        attention = self._attention().cpu() if self._scores else None
        return Gathered(attention, None if self._keys is None else self._keys.cpu())

    def _attention(self) -> Tensor:
        # All layers at once: on a small head the number of operations is what costs.
        scores = torch.stack(self._scores) * self._scale
        if self._bias is not None:
            scores = scores + self._bias
        shares = scores.softmax(dim=-1).mean(dim=(0, 2, 3)).to(torch.float64)
        return shares.unflatten(-1, (-1, self._num_tokens)).sum(-1)
