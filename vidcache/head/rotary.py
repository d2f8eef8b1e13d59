"""Rotary positions that never wear out: exact at frame 10^8 as at frame 0."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["RotaryTime", "cast", "rotate"]

_TURN = 1 << 32


class RotaryTime:
    """Turns the positions of frames into rotations of queries and keys.

    An angle is a fraction of a turn. Every frequency is a whole number of 2^-32 turns a position,
    so the angle at any whole position is found by integer arithmetic modulo 2^32, with no error
    that grows with the position. Two frames then differ by the same rotation wherever the stream
    is, and attention depends on their distance only.

    Args:
        head_dim: Width of an attention head, even.
        base: The slowest wave takes 2π · ``base`` positions a turn.

    Source:
        Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021; the
        integer phase is that of a numerically controlled oscillator.
    """

    def __init__(self, head_dim: int, base: float) -> None:
        pairs = head_dim // 2
        radians = base ** (-torch.arange(pairs, dtype=torch.float64) / pairs)
        steps = (radians / (2 * math.pi) * _TURN).round().to(torch.int64)
        # With those of queries and keys come those of values, which do not turn: a projection's
        # output is rotated as it is.
        self._steps = torch.stack((steps, steps, torch.zeros_like(steps)))[:, None]

    def rotations(self, whole: Tensor, fraction: Tensor | None, like: Tensor) -> Tensor:
        """Computes the rotations of frames.

        Args:
            whole: Whole part of each position, int64, (B, T).
            fraction: What is left of it, float64 in [0, 1), (B, T); None for zeros.
            like: A tensor of the dtype and on the device where they will be used.

        Returns:
            Complex numbers of length 1 for queries, keys and values, (B, T, 3, 1, hd / 2); those
            for values are exactly 1.
        """
        # Both factors stay below 2^32 · 2^30, so the product cannot overflow.
        phase = ((whole % _TURN)[..., None, None, None] * self._steps) % _TURN
        turns = phase.to(torch.float64)
        if fraction is not None:
            turns = turns + fraction[..., None, None, None] * self._steps
        angle = turns * (2 * math.pi / _TURN)
        rotation = torch.polar(torch.ones_like(angle), angle)
        complex_dtype = torch.complex128 if like.dtype == torch.float64 else torch.complex64
        return rotation.to(device=like.device, dtype=complex_dtype)


def rotate(vectors: Tensor, rotation: Tensor) -> Tensor:
    """Rotates neighbouring pairs of numbers.

    Args:
        vectors: Queries or keys, (…, hd).
        rotation: Complex rotations that broadcast to (…, hd / 2).

    Returns:
        The rotated vectors, of the same dtype.
    """
    wide = vectors if vectors.dtype in (torch.float32, torch.float64) else vectors.float()
    pairs = torch.view_as_complex(wide.reshape(*wide.shape[:-1], -1, 2))
    return cast(torch.view_as_real(pairs * rotation).flatten(-2), vectors.dtype)


def cast(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Converts where there is something to convert; asking PyTorch to do nothing takes longer."""
    return x if x.dtype is dtype else x.to(dtype)
