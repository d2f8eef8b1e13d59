"""The refinement passes: each shows the tokens what was predicted so far, and adds to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, silu

if TYPE_CHECKING:
    from vidcache.head.camera_head import CameraHead

__all__ = ["HeadOutput", "LaneAttention", "Modulation", "first_modulation", "refine"]

Modulation = tuple[Tensor, Tensor, Tensor]
"""Shift, scale and gate of the tokens of frames, each (B or 1, T or 1, 1, C)."""


@dataclass(frozen=True, eq=False)
class HeadOutput:
    """What a head says about frames.

    Attributes:
        prediction: The last pass's prediction, (B, T, num_outputs).
        iterations: The prediction after each pass, one such tensor a pass.
    """

    prediction: Tensor
    iterations: tuple[Tensor, ...]


class LaneAttention(Protocol):
    """Attention of new frames to what they may see, a lane at a time."""

    def attend(
        self, iteration: int, layer: int, query: Tensor, key: Tensor, value: Tensor
    ) -> Tensor:
        """Attends in the lane (iteration, layer); see :mod:`vidcache.head.attention`."""
        ...


def refine(
    head: CameraHead,
    features: Tensor,
    rotation: Tensor | None,
    attention: LaneAttention,
    first: Modulation | None = None,
) -> HeadOutput:
    """Runs all passes over new frames.

    Args:
        head: The head, or its parts without modules.
        features: Tokens of the frames, (B, T, N, in_features).
        rotation: Rotations of their queries, keys and values, (B or 1, T·N, 3, 1, hd / 2), or None.
        attention: Gives queries, keys and values in a lane what they may see.
        first: Modulation of the first pass, where it was computed before; it is the same for all
            frames.

    Returns:
        The predictions.
    """
    tokens = head.project(head.token_norm(features))
    normed = layer_norm(tokens, tokens.shape[-1:], eps=1e-6)
    modulation = first_modulation(head) if first is None else first
    num_tokens = head.config.num_tokens
    iterations: list[Tensor] = []
    for iteration in range(head.config.num_iterations):
        previous = iterations[-1].detach() if iterations else None
        if previous is not None:
            modulation = _modulation(head, previous)
        shift, scale, gate = modulation
        modulated = torch.addcmul(shift, normed, scale)
        x = torch.addcmul(tokens, gate, modulated).flatten(1, 2)
        for layer, block in enumerate(head.trunk):
            x = block(x, rotation, partial(attention.attend, iteration, layer))
        readout = x if num_tokens == 1 else x[:, ::num_tokens]
        delta = head.prediction_branch(head.trunk_norm(readout))
        iterations.append(delta if previous is None else previous + delta)
    return HeadOutput(iterations[-1], tuple(iterations))


def first_modulation(head: CameraHead) -> Modulation:
    """Computes the modulation of the first pass, in which no frame has a prediction yet.

    Args:
        head: The head, or its parts without modules.
    """
    return _modulation(head, head.empty_prediction[None, None])


def _modulation(head: CameraHead, prediction: Tensor) -> Modulation:
    modulation = head.modulation(silu(head.embed_prediction(prediction))).unsqueeze(2)
    shift, scale, gate = modulation.chunk(3, dim=-1)
    return shift, 1 + scale, gate
