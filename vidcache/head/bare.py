# pyright: basic
"""Modules without their wrapping: a step calls dozens of them, a few microseconds each.

Between two products the processor has read a megabyte of weights, and finds little of what a
module's call needs in its caches. Without modules a step takes four fifths of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from vidcache.head.block import Attention, Block, LayerScale, Mlp
from vidcache.head.fp16 import Fp16Linear
from vidcache.head.int8 import Int8Linear
from vidcache.head.linear import Linear

__all__ = ["bare", "can_be_bare", "parts_of"]

_COMPOSED = (Attention, Block, LayerScale, Mlp)
_LINEAR = (Linear, Fp16Linear, Int8Linear)


def can_be_bare(modules: list[nn.Module]) -> bool:
    """Whether nobody is at the calls of modules: hooks, autocast, a compiler or a tracer.

    Args:
        modules: All modules that would be called.
    """
    return not (
        torch.is_autocast_enabled("cpu")
        or torch.is_autocast_enabled("cuda")
        or torch.compiler.is_compiling()
        or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
        or torch_module._has_any_global_hook()
        or any(
            module._forward_hooks or module._forward_pre_hooks or "forward" in module.__dict__
            for module in modules
        )
    )


def bare(module: Any) -> Callable[..., Any]:
    """What a module computes in inference, until a weight or a part of it is changed.

    A block keeps its own ``forward``, which is given plain attributes in the place of modules.

    Args:
        module: The nn.Module. One of a kind that is not known here is left as it is.
    """
    kind = type(module)
    # Exactly these kinds: another one may compute something else.
    if kind in _LINEAR:
        return module.product()
    if kind is nn.LayerNorm:
        shape, weight, bias, eps = module.normalized_shape, module.weight, module.bias, module.eps
        return lambda x: torch.layer_norm(x, shape, weight, bias, eps)
    if kind is nn.Identity:
        return _same
    if kind in _COMPOSED:
        return partial(kind.forward, parts_of(module))
    return module


def parts_of(module: nn.Module) -> SimpleNamespace:
    """What a module's ``forward`` finds on ``self``: settings, weights, and its modules bare."""
    settings = {name: value for name, value in vars(module).items() if name[0] != "_"}
    parts = {
        name: [bare(item) for item in part] if type(part) is nn.ModuleList else bare(part)
        for name, part in module.named_children()
    }
    return SimpleNamespace(**settings, **dict(module.named_parameters(recurse=False)), **parts)


def _same(x: Tensor) -> Tensor:
    return x
