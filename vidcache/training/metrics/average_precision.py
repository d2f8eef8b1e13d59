"""Average precision of per-frame scores, plain and calibrated, of one label and of all.

The definitions are those of online action detection: the frames of all videos in one list, one
label that is the background and is not scored, frames that are ambiguous left out, and the mean
over the labels that some frame shows.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from vidcache.training.metrics.checked_arrays import (
    checked_background,
    checked_table,
)
from vidcache.training.metrics.precision_recall import precision_recall_curve

__all__ = [
    "average_precision",
    "calibrated_average_precision",
    "mean_average_precision",
    "mean_calibrated_average_precision",
]


def average_precision(scores: ArrayLike, targets: ArrayLike) -> float:
    """Return the area under the steps of precision over recall.

    Frames of equal score enter together, so that their order means nothing: all-equal scores give
    the part of the frames that show the label.

    Args:
        scores: One score a frame, shape (T,).
        targets: 1 for frames that show the label, else 0, shape (T,).

    Returns:
        What ``sklearn.metrics.average_precision_score`` returns, ties included; NaN where no
        frame shows the label.

    Raises:
        InputError: The shapes differ, there is no frame, a score is NaN, or a target is not 0
            or 1.

    Example:
        >>> average_precision([0.9, 0.8, 0.7], [1, 0, 1])
        0.8333333333333333
    """
    return precision_recall_curve(scores, targets).area()


def calibrated_average_precision(scores: ArrayLike, targets: ArrayLike) -> float:
    """Return average precision as if there were as many negative as positive frames.

    Without ties it is the mean over the positive frames of TP / (TP + FP / w), w being negatives
    over positives. Frames of equal score enter together, each with the precision that they have
    when all of them are in: all-equal scores give 0.5, which is chance, in whatever order they
    come (sorted one by one they could give 1).

    Args:
        scores: One score a frame, shape (T,).
        targets: 1 for frames that show the label, else 0, shape (T,).

    Returns:
        The calibrated average precision; NaN where no frame shows the label, 1 where all do.

    Raises:
        InputError: The shapes differ, there is no frame, a score is NaN, or a target is not 0
            or 1.

    Example:
        >>> calibrated_average_precision([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 0])
        0.8333333333333333
        >>> calibrated_average_precision([0.5, 0.5, 0.5], [1, 0, 0])
        0.5

    Source: De Geest et al. 2016, "Online Action Detection".
    """
    curve = precision_recall_curve(scores, targets)
    num_negatives = curve.misses[-1]
    # Without a negative frame there is nothing to calibrate, and no miss to weigh.
    weight = curve.num_positives / num_negatives if num_negatives else 0.0
    return curve.area(weight)


def mean_average_precision(
    scores: ArrayLike,
    targets: ArrayLike,
    background: int | None = 0,
    ignore: ArrayLike | None = None,
) -> float:
    """Return the mean of :func:`average_precision` over the labels.

    Args:
        scores: A score for each frame and label, shape (T, K).
        targets: 1 for each label that a frame shows, else 0, shape (T, K).
        background: Number of the label that is not scored; None scores all.
        ignore: True (or 1) for frames that do not count, shape (T,); what they hold means nothing.

    Returns:
        The mean over the scored labels that a counting frame shows; NaN if there is none.

    Raises:
        InputError: A shape does not fit, there is no frame, a score is NaN, a target is not 0
            or 1, or there is no label to score.

    Example:
        >>> scores = [[0.1, 0.9], [0.7, 0.3], [0.2, 0.8]]
        >>> mean_average_precision(scores, [[0, 1], [1, 0], [1, 0]])
        1.0
    """
    return _mean(average_precision, scores, targets, background, ignore)


def mean_calibrated_average_precision(
    scores: ArrayLike,
    targets: ArrayLike,
    background: int | None = 0,
    ignore: ArrayLike | None = None,
) -> float:
    """Return the mean of :func:`calibrated_average_precision` over the labels.

    Args:
        scores: A score for each frame and label, shape (T, K).
        targets: 1 for each label that a frame shows, else 0, shape (T, K).
        background: Number of the label that is not scored; None scores all.
        ignore: True (or 1) for frames that do not count, shape (T,); what they hold means nothing.

    Returns:
        The mean over the scored labels that a counting frame shows; NaN if there is none.

    Raises:
        InputError: A shape does not fit, there is no frame, a score is NaN, a target is not 0
            or 1, or there is no label to score.
    """
    return _mean(calibrated_average_precision, scores, targets, background, ignore)


def _mean(
    measure: Callable[[ArrayLike, ArrayLike], float],
    scores: ArrayLike,
    targets: ArrayLike,
    background: int | None,
    ignore: ArrayLike | None,
) -> float:
    numbers, shown = checked_table(scores, targets, ignore)
    labels = checked_background(background, numbers.shape[1])
    values = [measure(numbers[:, k], shown[:, k]) for k in labels if shown[:, k].any()]
    return float(np.mean(values)) if values else float("nan")
