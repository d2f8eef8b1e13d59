"""Copies of a head for inference whose weights take fewer bytes: a step is a walk through them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import nn

from vidcache.head.fp16 import Fp16Linear
from vidcache.head.int8 import Int8Linear
from vidcache.head.linear import LEAST_WEIGHTS, Linear

if TYPE_CHECKING:
    from vidcache.head.camera_head import CameraHead

__all__ = ["with_fp16_weights", "with_int8_weights"]


def with_fp16_weights(head: CameraHead) -> CameraHead:
    """Copies a head for inference, with fp16 weights in its larger linear layers.

    Inputs, sums, keys and values stay in fp32, so stream and clip of the copy agree as those of
    the head do, and its predictions are those of the head to less than a thousandth. A processor of
    x86 reads half as many bytes a step. Layers that are not in fp32, or that have a weight too
    large for fp16, stay as they are.

    Args:
        head: The head; it is not modified.

    Returns:
        The copy. Its states are not those of the original: the fingerprints differ.

    Example:
        >>> import torch
        >>> from vidcache import CameraHead, HeadConfig
        >>> from vidcache.head import with_fp16_weights
        >>> head = CameraHead(HeadConfig(in_features=128, width=128, depth=1, num_heads=2,
        ...                              num_iterations=2, num_outputs=3))
        >>> quick = with_fp16_weights(head)
        >>> features = torch.randn(1, 4, 128)
        >>> bool((quick(features).prediction - head(features).prediction).abs().max() < 0.01)
        True
    """
    return _with_layers(head, lambda layer: Fp16Linear(layer) if Fp16Linear.suits(layer) else layer)


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
    return _with_layers(head, Int8Linear)


def _with_layers(head: CameraHead, narrow: Callable[[Linear], nn.Module]) -> CameraHead:
    twin = copy.deepcopy(head).requires_grad_(False)
    for parent in list(twin.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is Linear and child.weight.numel() >= LEAST_WEIGHTS:
                setattr(parent, name, narrow(child))
    return twin
