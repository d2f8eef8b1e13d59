"""Averages of weights over a training, which are better than the weights of any one step."""

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["follow_weights"]


@torch.no_grad()
def follow_weights(
    averages: Mapping[str, Tensor], weights: Mapping[str, Tensor], keep: float, step: int
) -> None:
    """Let averaged weights follow the trained ones, faster while they are young.

    Args:
        averages: The averages by name; they are changed.
        weights: The weights after this step.
        keep: How slowly the averages follow in the long run, below 1.
        step: Number of the step, from 0.

    Example:
        >>> averages = {"w": torch.zeros(1)}
        >>> follow_weights(averages, {"w": torch.ones(1)}, 0.99, step=0)
        >>> averages["w"]
        tensor([0.9000])
    """
    keep = min(keep, (1 + step) / (10 + step))
    for name, value in weights.items():
        average = averages[name]
        if average.is_floating_point():
            average.lerp_(value, 1 - keep)
        else:
            average.copy_(value)
