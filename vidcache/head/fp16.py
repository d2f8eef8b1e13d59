# pyright: basic
"""Weights of two bytes: half as much to read in a step, and products in fp32 all the same."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from vidcache.head.linear import KeepsProduct, Product

__all__ = ["Fp16Linear", "Fp16Product"]

# More rows gain more from several threads, which FBGEMM's shortest call does not use.
_MOST_ROWS = 32


class Fp16Product(Product):
    """Products of fp32 inputs with an fp16 weight, summed in fp32.

    Args:
        weight: The weight, (out, in), fp16, on a processor.
        bias: Added to products, (out,), fp32, or None.

    Source:
        FBGEMM (Khudia et al., "FBGEMM: Enabling High-Performance Low-Precision Deep Learning
        Inference", 2021), by way of PyTorch.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._most_numbers = _MOST_ROWS * weight.shape[1]
        self._multiply_few = _pack(weight.float(), bias)
        self._widened = _WidenedProduct(weight, bias)

    @staticmethod
    @cache
    def is_supported() -> bool:
        """Whether this PyTorch has FBGEMM, which is for x86 processors."""
        return "fbgemm" in torch.backends.quantized.supported_engines

    def __call__(self, x: Tensor) -> Tensor:
        """Maps (…, in) to (…, out)."""
        if x.numel() <= self._most_numbers and x.dtype is torch.float32:
            return self._multiply_few(x)
        return self._widened(x)


class Fp16Linear(KeepsProduct):
    """A linear layer whose weights are rounded to fp16, while inputs and sums stay in fp32.

    It is for inference: there are no gradients.

    Args:
        layer: The layer whose weights are rounded.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.register_buffer("weight", layer.weight.detach().half())
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach().clone())

    @staticmethod
    def suits(layer: nn.Linear) -> bool:
        """Whether the layer computes in fp32 and no weight of it is too large for fp16."""
        weight = layer.weight
        largest = torch.finfo(torch.float16).max
        return weight.dtype is torch.float32 and bool((weight.abs() <= largest).all())

    def forward(self, x: Tensor) -> Tensor:
        """Maps (…, in) to (…, out)."""
        return self.product()(x)

    def _make_product(self) -> Product:
        is_half = self.weight.dtype is torch.float16 and self.weight.device.type == "cpu"
        if is_half and Fp16Product.is_supported():
            return Fp16Product(self.weight, self.bias)
        return _WidenedProduct(self.weight, self.bias)


class _WidenedProduct(Product):
    """The same with the weight widened for every product, which many rows pay for."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight = weight
        self._bias = bias

    def __call__(self, x: Tensor) -> Tensor:
        bias = None if self._bias is None else self._bias.to(x.dtype)
        return linear(x, self._weight.to(x.dtype), bias)


def _pack(weight: Tensor, bias: Tensor | None) -> Callable[[Tensor], Tensor]:
    if hasattr(torch, "fbgemm_linear_fp16_weight_fp32_activation"):
        # It is called in half the time of what is left once a later PyTorch has dropped it.
        added = weight.new_zeros(len(weight)) if bias is None else bias
        with warnings.catch_warnings():
            # That it will be dropped, PyTorch says at the first call of each.
            warnings.simplefilter("ignore", UserWarning)
            packed = torch.fbgemm_pack_gemm_matrix_fp16(weight)
            _ = torch.fbgemm_linear_fp16_weight_fp32_activation(weight[:1], packed, added)
        return lambda x: torch.fbgemm_linear_fp16_weight_fp32_activation(x, packed, added)
    layout = torch.ops.quantized.linear_prepack_fp16(weight, bias)
    return lambda x: torch.ops.quantized.linear_dynamic_fp16(x, layout)
