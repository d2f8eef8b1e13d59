# pyright: basic
"""Linear layers that a stream's steps run through: the same weights, laid out for few rows."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear
from torch.nn.modules import module as torch_module

__all__ = [
    "LEAST_WEIGHTS",
    "KeepsProduct",
    "Linear",
    "PackedWeight",
    "Product",
    "has_fast_bf16",
    "is_hooked",
    "then_gelu",
    "version_of",
]

LEAST_WEIGHTS = 1 << 14
"""Smaller weights lie in the processor's nearest cache, in any layout and any dtype."""

# Rows that the layout is made for; it is good for one as for hundreds.
_ROWS_HINT = 8

# With fewer, PyTorch's own fp32 product reads the weight as fast, and is called faster.
_LEAST_ROWS_IN_FP32 = 3

# With more numbers oneDNN's GELU is as fast as PyTorch's own.
_MOST_FOR_OWN_GELU = 1 << 14

_VERSION = attrgetter("_version")


def has_fast_bf16() -> bool:
    """Whether the processor has instructions for bf16 products, so that they are not emulated."""
    # Not in every PyTorch that we support; where it says nothing, bf16 is good as well.
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return probe is None or bool(probe())


def version_of(*weights: Tensor | None) -> tuple[object, ...]:
    """What changes when one of the weights does: by training, by loading, or in place by hand.

    Args:
        weights: The weights; None where a layer has none.

    Returns:
        Where in memory each lies, and PyTorch's counts of their changes; None for the count of a
        weight that was made in inference mode, where PyTorch does not count.
    """
    there = [weight for weight in weights if weight is not None]
    places = tuple(map(Tensor.data_ptr, there))
    # A step asks this of all its weights: a loop in Python takes three times as long.
    try:
        return places, tuple(map(_VERSION, there))
    except RuntimeError:
        counts = (None if weight.is_inference() else weight._version for weight in there)
        return places, tuple(counts)


def is_hooked(module: nn.Module) -> bool:
    """Whether somebody is at the calls of a module: by hooks, or with a ``forward`` of its own."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or "forward" in vars(module)
        or torch_module._has_any_global_hook()
    )


def then_gelu(layer: Any, x: Tensor) -> Tensor:
    """A layer and an exact GELU behind it, in one where the layer can: (…, in) to (…, out).

    Args:
        layer: Any nn.Module, or a :class:`Product`.
        x: Its input.
    """
    return layer.gelu(x) if isinstance(layer, (Product, KeepsProduct)) else gelu(layer(x))


class PackedWeight:
    """A weight in the layout in which oneDNN multiplies it, made once instead of in every product.

    Reading weights is most of a step's time: with eight rows a product takes half as long.

    Args:
        weight: The weight, (out, in), fp32 or bf16, on a processor.

    Source:
        What PyTorch's Inductor does with frozen weights.
    """

    def __init__(self, weight: Tensor) -> None:
        with torch.no_grad():
            self._packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), _ROWS_HINT)

    @staticmethod
    def suits(weight: Tensor) -> bool:
        """Whether oneDNN is there and is fast at a weight of this kind and size."""
        if weight.device.type != "cpu" or weight.numel() < LEAST_WEIGHTS:
            return False
        if weight.dtype is torch.bfloat16:
            return _has_onednn() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        return weight.dtype is torch.float32 and _has_onednn()

    def multiply(self, x: Tensor, bias: Tensor | None, then: str = "none") -> Tensor:
        """Maps (…, in) to (…, out).

        Args:
            x: The input, in the dtype of the weight.
            bias: Added to it, in the same dtype.
            then: ``"none"``, or ``"gelu"`` for an exact GELU of the result.
        """
        return torch.ops.mkldnn._linear_pointwise(x, self._packed, bias, then, [], "none")


class Product:
    """What a linear layer computes without gradients, until its weight changes."""

    def __call__(self, x: Tensor) -> Tensor:
        """Maps (…, in) to (…, out)."""
        raise NotImplementedError

    def gelu(self, x: Tensor) -> Tensor:
        """The product and an exact GELU behind it."""
        return _gelu(self(x))


class KeepsProduct(nn.Module):
    """A layer that makes its :class:`Product` once, and anew after a weight was changed."""

    _product: tuple[object, Product] | None = None

    def product(self) -> Product:
        """What the layer computes now, for inputs in its dtype and on its device."""
        seen = version_of(*self._parameters.values(), *self._buffers.values())
        if self._product is None or self._product[0] != seen:
            self._product = (seen, self._make_product())
        return self._product[1]

    def gelu(self, x: Tensor) -> Tensor:
        """The layer and an exact GELU behind it: (…, in) to (…, out)."""
        # What somebody put around the call, or in its place, does not know of the product.
        kind = next(kind for kind in type(self).__mro__ if "forward" in vars(kind))
        if is_hooked(self) or "_make_product" not in vars(kind):
            return gelu(self(x))
        return self._gelu(x)

    def _gelu(self, x: Tensor) -> Tensor:
        return self.product().gelu(x)

    def _make_product(self) -> Product:
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        # A layout of this processor is of no use in a copy or on another machine.
        return {name: value for name, value in self.__dict__.items() if name != "_product"}


class Linear(KeepsProduct, nn.Linear):
    """A linear layer that keeps its weight packed while nobody trains it.

    With gradients, on a GPU, or while a compiler or exporter looks, it is PyTorch's layer. It
    notices a changed weight and packs anew.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Maps (…, in) to (…, out)."""
        if self._is_watched(input):
            return linear(input, self.weight, self.bias)
        return self.product()(input)

    def _gelu(self, x: Tensor) -> Tensor:
        return gelu(self(x)) if self._is_watched(x) else super()._gelu(x)

    def _is_watched(self, input: Tensor) -> bool:
        return (
            torch.is_grad_enabled()
            or input.dtype is not self.weight.dtype
            or torch.is_autocast_enabled("cpu")
            or torch.compiler.is_compiling()
            or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
        )

    def _make_product(self) -> Product:
        return _LinearProduct(self.weight, self.bias)


class _LinearProduct(Product):
    """The product with a weight as it is, packed as soon as there are rows enough for that."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight = weight
        self._bias = bias
        self._suits = PackedWeight.suits(weight)
        least_rows = _LEAST_ROWS_IN_FP32 if weight.dtype is torch.float32 else 1
        self._least_numbers = least_rows * weight.shape[1]
        self._packed: PackedWeight | None = None

    def __call__(self, x: Tensor) -> Tensor:
        if not self._suits or x.numel() < self._least_numbers:
            return linear(x, self._weight, self._bias)
        return self._pack().multiply(x, self._bias)

    def gelu(self, x: Tensor) -> Tensor:
        if not self._suits or x.numel() < self._least_numbers:
            return _gelu(linear(x, self._weight, self._bias))
        return self._pack().multiply(x, self._bias, "gelu")

    def _pack(self) -> PackedWeight:
        if self._packed is None:
            self._packed = PackedWeight(self._weight)
        return self._packed


def _gelu(x: Tensor) -> Tensor:
    """An exact GELU, by the shorter call where there are few numbers."""
    count = x.numel()
    is_short = count <= _MOST_FOR_OWN_GELU and count % 2 == 0 and x.is_contiguous()
    if not is_short or x.dtype is not torch.float32 or x.device.type != "cpu":
        return gelu(x)
    # PyTorch hands contiguous numbers to oneDNN, which takes 40 µs to begin; others it computes
    # itself, in the order in which they lie.
    return gelu(x.as_strided((2, count // 2), (1, 2))).as_strided(x.shape, x.stride())


def _has_onednn() -> bool:
    is_there = torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled
    # On other processors oneDNN hands the product on, and its layout has not been measured.
    is_x86 = torch.backends.cpu.get_cpu_capability().startswith("AVX")
    return is_there and is_x86 and hasattr(torch.ops.mkldnn, "_linear_pointwise")
