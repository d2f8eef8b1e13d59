# pyright: basic
"""Weights of one byte: a step for one frame is a walk through the weights, so it gets shorter."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear

from vidcache.head.linear import Linear, PackedWeight

if TYPE_CHECKING:
    from vidcache.head.camera_head import CameraHead

__all__ = ["Int8Linear", "with_int8_weights"]

# Fewer weights than this lie in the processor's cache anyway.
_LEAST_WEIGHTS = 1 << 14

# With more rows bf16 is faster, in which the same whole numbers are kept packed beside.
_MOST_ROWS = 4


class Int8Linear(nn.Module):
    """A linear layer whose weights are whole numbers with a scale for each output.

    Inputs and products are rounded to bf16, sums are kept in fp32. It is for inference: there are
    no gradients.

    Args:
        layer: The layer whose weights are rounded.
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor | None
    _packed: PackedWeight | None = None

    def __init__(self, layer: Linear) -> None:
        super().__init__()
        weight = layer.weight.detach().float()
        scale = (weight.abs().amax(dim=1) / 127).clamp_min(torch.finfo(torch.float32).tiny)
        # Rounded to what it is stored in first, so that the numbers make up for it.
        scale = scale.bfloat16()
        rounded = (weight / scale.float()[:, None]).round().clamp(-127, 127)
        self.register_buffer("weight", rounded.to(torch.int8))
        self.register_buffer("scale", scale)
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Maps (…, in) to (…, out)."""
        rows = x.reshape(-1, x.shape[-1])
        if len(rows) <= _MOST_ROWS and x.device.type == "cpu":
            product = torch.ops.aten._weight_int8pack_mm(rows.bfloat16(), self.weight, self.scale)
        else:
            product = self._multiply_many(rows.bfloat16())
        # One sum converts too.
        out = product.to(x.dtype) if self.bias is None else self.bias + product
        return out.view(*x.shape[:-1], -1)

    def gelu(self, x: Tensor) -> Tensor:
        """The layer and an exact GELU behind it: (…, in) to (…, out)."""
        return gelu(self(x))

    def _multiply_many(self, rows: Tensor) -> Tensor:
        if self._packed is not None and rows.device.type == "cpu":
            return self._packed.multiply(rows, None)
        weight = self.weight.bfloat16() * self.scale[:, None]
        if PackedWeight.suits(weight):
            self._packed = PackedWeight(weight)
        return linear(rows, weight)

    def __getstate__(self) -> dict[str, Any]:
        # A layout of this processor is of no use in a copy or on another machine.
        return {**self.__dict__, "_packed": None}


def with_int8_weights(head: CameraHead) -> CameraHead:
    """Copies a head for inference, with int8 weights in its larger linear layers.

    Stream and clip of the copy agree as far as bf16 does, not as fp32.

    Args:
        head: The head; it is not modified.

    Returns:
        The copy. Its states are not those of the original: the fingerprints differ.

    Example:
        >>> import torch
        >>> from vidcache import CameraHead, HeadConfig
        >>> from vidcache.head import with_int8_weights
        >>> head = CameraHead(HeadConfig(in_features=128, width=128, depth=1, num_heads=2,
        ...                              num_iterations=2, num_outputs=3))
        >>> quick = with_int8_weights(head)
        >>> features = torch.randn(1, 4, 128)
        >>> bool((quick(features).prediction - head(features).prediction).abs().max() < 0.1)
        True
    """
    twin = copy.deepcopy(head).requires_grad_(False)
    for parent in list(twin.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is Linear and child.weight.numel() >= _LEAST_WEIGHTS:
                setattr(parent, name, Int8Linear(child))
    twin.watch_weights()
    return twin
