"""Which labels are said of each frame, given its scores and a threshold."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidcache.errors import InputError
from vidcache.training.metrics.checked_arrays import checked_scores

__all__ = ["Activation", "said_labels"]

Activation = Literal["softmax", "sigmoid"]
"""``"softmax"``: one label is said of a frame; ``"sigmoid"``: labels go side by side."""


def said_labels(
    scores: ArrayLike, threshold: float, activation: Activation = "softmax"
) -> NDArray[np.bool_]:
    """Return which labels are said of each frame.

    Args:
        scores: Probabilities, shape (T, K).
        threshold: Score from which a label is said.
        activation: Whether the best label alone may be said of a frame, or every label.

    Returns:
        True for each label said, shape (T, K). Of labels that are equally good, the first is the
        best; a frame that nothing is said of is unsure.

    Raises:
        InputError: Scores have another shape, are empty, or hold a NaN.

    Example:
        >>> said_labels([[0.1, 0.9], [0.5, 0.5], [0.45, 0.55]], 0.5).astype(int).tolist()
        [[0, 1], [1, 0], [0, 1]]
        >>> said_labels([[0.1, 0.9], [0.8, 0.5]], 0.5, "sigmoid").astype(int).tolist()
        [[0, 1], [1, 1]]
    """
    numbers = checked_scores(scores)
    certain = numbers >= threshold
    if activation == "sigmoid":
        return certain
    if activation != "softmax":
        raise InputError(f"activation is {activation!r}: give 'softmax' or 'sigmoid'")
    frames, best = np.arange(len(numbers)), numbers.argmax(axis=1)
    said = np.zeros(numbers.shape, dtype=np.bool_)
    said[frames, best] = certain[frames, best]
    return said
