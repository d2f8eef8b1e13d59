# pyright: basic
"""Weights of one byte: a step for one frame is a walk through the weights, so it gets shorter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear

from vidcache.head.fp16 import Fp16Weight
from vidcache.head.linear import PackedWeight, has_fast_bf16, version_of

__all__ = ["Int8Linear"]

# With more rows bf16 or fp16 is faster, in which the same numbers are kept packed beside.
_MOST_ROWS = 4


class Int8Linear(nn.Module):
    """A linear layer whose weights are whole numbers with a scale for each output.

    Inputs and products are rounded to bf16, sums are kept in fp32. Many rows are multiplied in the
    dtype that the processor is fast at. It is for inference: there are no gradients.

    Args:
        layer: The layer whose weights are rounded.
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor | None
    _packed: tuple[object, Callable[[Tensor], Tensor]] | None = None

    def __init__(self, layer: nn.Linear) -> None:
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
            product = self._multiply_many(rows)
        # One sum converts too.
        out = product.to(x.dtype) if self.bias is None else self.bias + product
        return out.view(*x.shape[:-1], -1)

    def gelu(self, x: Tensor) -> Tensor:
        """The layer and an exact GELU behind it: (…, in) to (…, out)."""
        return gelu(self(x))

    def _multiply_many(self, rows: Tensor) -> Tensor:
        seen = (version_of(self.weight, self.scale), rows.device)
        if self._packed is None or self._packed[0] != seen:
            self._packed = (seen, self._pack())
        return self._packed[1](rows)

    def _pack(self) -> Callable[[Tensor], Tensor]:
        if self.weight.device.type == "cpu" and not has_fast_bf16() and Fp16Weight.is_supported():
            widened = (self.weight.float() * self.scale.float()[:, None]).half()
            packed_fp16 = Fp16Weight(widened, None)
            return lambda rows: packed_fp16.multiply(rows.float())
        weight = self.weight.bfloat16() * self.scale[:, None]
        if PackedWeight.suits(weight):
            packed = PackedWeight(weight)
            return lambda rows: packed.multiply(rows.bfloat16(), None)
        return lambda rows: linear(rows.bfloat16(), weight)

    def __getstate__(self) -> dict[str, Any]:
        # A layout of this processor is of no use in a copy or on another machine.
        return {**self.__dict__, "_packed": None}
