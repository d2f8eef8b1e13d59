"""Scores that hold: a temperature for the probabilities and a threshold for ``unsure``."""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from vidcache.errors import InputError

__all__ = ["calibration_error", "choose_threshold", "fit_temperature"]


def fit_temperature(
    logits: Tensor, targets: Tensor, activation: Literal["softmax", "sigmoid"] = "softmax"
) -> float:
    """Return the temperature with the least cross-entropy.

    Args:
        logits: Outputs of a head, shape (n, K).
        targets: Distributions of the labels shown, shape (n, K); with ``"sigmoid"`` 1 for each
            label shown.
        activation: How logits become probabilities.

    Returns:
        What to divide the logits by before the activation, 0.1 to 10.

    Example:
        >>> logits = torch.eye(4).repeat(50, 1)
        >>> fit_temperature(logits, torch.eye(4).repeat(50, 1)) < 0.2
        True

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    measures = {
        "softmax": functional.cross_entropy,
        "sigmoid": functional.binary_cross_entropy_with_logits,
    }
    measure = measures[activation]

    def loss(exponent: float) -> float:
        return float(measure(logits / math.exp(exponent), targets))

    low, high = math.log(0.1), math.log(10.0)
    # Cross-entropy has one valley along the inverse of the temperature: a ternary search finds it.
    for _ in range(60):
        first, second = low + (high - low) / 3, high - (high - low) / 3
        if loss(first) < loss(second):
            high = second
        else:
            low = first
    return math.exp((low + high) / 2)


def calibration_error(scores: Tensor, targets: Tensor, *, num_bins: int = 15) -> float:
    """Return how far the best label's score is from how often it is right, on average.

    Args:
        scores: Probabilities, shape (n, K).
        targets: Above 0 for each label shown, shape (n, K).
        num_bins: Equal parts of the range of scores that are averaged over.

    Returns:
        The expected calibration error, 0 to 1.
    """
    best, right = _best(scores, targets)
    bins = (best * num_bins).long().clamp(max=num_bins - 1)
    error = 0.0
    for number in range(num_bins):
        chosen = bins == number
        if bool(chosen.any()):
            gap = best[chosen].mean() - right[chosen].mean()
            error += float(chosen.float().mean()) * abs(float(gap))
    return error


def choose_threshold(scores: Tensor, targets: Tensor, *, precision: float) -> float:
    """Return the least score from which on the best label is right often enough.

    Args:
        scores: Probabilities, shape (n, K).
        targets: Above 0 for each label shown, shape (n, K).
        precision: How often the labels above the threshold are to be right, 0 to 1.

    Returns:
        The threshold; the highest score of all where no threshold reaches the precision.

    Raises:
        InputError: If the precision is no number from 0 to 1.
    """
    if not 0 <= precision <= 1:
        raise InputError(f"precision is {precision}: give a number from 0 to 1")
    best, right = _best(scores, targets)
    order = best.argsort(descending=True)
    reached = right[order].cumsum(0) / torch.arange(1, len(order) + 1)
    enough = (reached >= precision).nonzero()
    place = int(enough[-1]) if len(enough) else 0
    return float(best[order][place])


def _best(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    best, label = scores.max(dim=-1)
    right = (targets.gather(-1, label[..., None]) > 0).float()[..., 0]
    return best, right
