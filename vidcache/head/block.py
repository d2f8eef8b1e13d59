"""One block of the trunk: attention and a small network, each with a scaled residual."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vidcache.head.linear import Linear, then_gelu
from vidcache.head.rotary import cast, rotate

__all__ = ["Attend", "Block", "Mlp"]

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Gives queries, keys and values of new frames, (B, nh, T·N, hd), what they may see."""


class Mlp(nn.Module):
    """Two linear layers with an exact GELU between them.

    Args:
        in_features: Width of the input.
        hidden_features: Width between the layers.
        out_features: Width of the output.
    """

    def __init__(self, in_features: int, hidden_features: int, out_features: int) -> None:
        super().__init__()
        self.fc1 = Linear(in_features, hidden_features)
        self.fc2 = Linear(hidden_features, out_features)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (…, in_features) to (…, out_features)."""
        return self.fc2(then_gelu(self.fc1, x))


class Attention(nn.Module):
    """Multi-head self-attention that leaves the choice of keys to its caller.

    Args:
        width: Width C.
        num_heads: Attention heads.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = Linear(width, 3 * width)
        self.proj = Linear(width, width)

    def forward(self, x: Tensor, rotation: Tensor | None, attend: Attend) -> Tensor:
        """Attends from the tokens of new frames.

        Args:
            x: Tokens, (B, T·N, C).
            rotation: Rotary rotations of queries, keys and values, (B or 1, T·N, 3, 1, hd / 2),
                ones for the values; or None.
            attend: Attention of the new queries to all that they may see.

        Returns:
            (B, T·N, C).
        """
        qkv = self.qkv(x).view(*x.shape[:-1], 3, self.num_heads, -1)
        if rotation is not None:
            qkv = rotate(qkv, rotation)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        out = attend(query, key, value)
        return self.proj(out.transpose(1, 2).flatten(2))


class LayerScale(nn.Module):
    """Adds a residual branch, each channel scaled by a learned factor.

    Args:
        width: Width C.
        init: The factor before training.
    """

    def __init__(self, width: int, init: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), init))

    def forward(self, x: Tensor, branch: Tensor) -> Tensor:
        """Returns ``x + branch · gamma``, (…, C)."""
        return torch.addcmul(x, cast(branch, x.dtype), self.gamma)


class Block(nn.Module):
    """A pre-norm transformer block with LayerScale.

    Args:
        width: Width C.
        num_heads: Attention heads.
        mlp_ratio: Width of the hidden layer over C.
        layer_scale: Residual scale before training.
    """

    def __init__(self, width: int, num_heads: int, mlp_ratio: float, layer_scale: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = Attention(width, num_heads)
        self.ls1 = LayerScale(width, layer_scale)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, int(width * mlp_ratio), width)
        self.ls2 = LayerScale(width, layer_scale)

    def forward(self, x: Tensor, rotation: Tensor | None, attend: Attend) -> Tensor:
        """Runs the block on tokens (B, T·N, C); see :class:`Attention` for the rest."""
        x = self.ls1(x, self.attn(self.norm1(x), rotation, attend))
        return self.ls2(x, self.mlp(self.norm2(x)))
