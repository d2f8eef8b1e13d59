# pyright: basic
"""Weights of one byte: a step for one frame is a walk through the weights, so it gets shorter."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from vidcache.head.fp16 import Fp16Product
from vidcache.head.linear import KeepsProduct, PackedWeight, Product, has_fast_bf16

__all__ = ["Int8Linear"]

# With more rows bf16 or fp16 is faster, in which the same numbers are kept packed beside.
_MOST_ROWS = 4


class Int8Linear(KeepsProduct):
    """A linear layer whose weights are whole numbers with a scale for each output.

    Inputs and products are rounded to bf16, sums are kept in fp32. Many rows are multiplied in the
    dtype that the processor is fast at. It is for inference: there are no gradients.

    Args:
        layer: The layer whose weights are rounded.
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

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
        return self.product()(x)

    def _make_product(self) -> Product:
        return _Int8Product(self.weight, self.scale, self.bias)


class _Int8Product(Product):
    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        self._weight = weight
        self._scale = scale
        self._bias = bias
        self._most_rows = _MOST_ROWS if weight.device.type == "cpu" else 0
        self._multiply_many: Callable[[Tensor], Tensor] | None = None

    def __call__(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        if len(rows) <= self._most_rows:
            product = torch.ops.aten._weight_int8pack_mm(rows.bfloat16(), self._weight, self._scale)
        else:
            if self._multiply_many is None:
                self._multiply_many = self._pack()
            product = self._multiply_many(rows)
        # One sum converts too.
        out = product.to(x.dtype) if self._bias is None else self._bias + product
        return out.view(*x.shape[:-1], -1)

    def _pack(self) -> Callable[[Tensor], Tensor]:
        on_cpu = self._weight.device.type == "cpu"
        if on_cpu and not has_fast_bf16() and Fp16Product.is_supported():
            widened = self._weight.float() * self._scale.float()[:, None]
            multiply = Fp16Product(widened.half(), None)
            return lambda rows: multiply(rows.float())
        weight = self._weight.bfloat16() * self._scale[:, None]
        if PackedWeight.suits(weight):
            packed = PackedWeight(weight)
            return lambda rows: packed.multiply(rows.bfloat16(), None)
        return lambda rows: linear(rows.bfloat16(), weight)
