"""How good the scores of frames are: all labels together, each by itself, and what is confused."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidcache.errors import InputError
from vidcache.training.metrics.average_precision import (
    average_precision,
    calibrated_average_precision,
)
from vidcache.training.metrics.checked_arrays import (
    checked_background,
    checked_table,
    checked_targets,
)

__all__ = [
    "FrameMetrics",
    "confusion_matrix",
    "frame_accuracy",
    "frame_metrics",
    "shown_labels",
]


@dataclass(frozen=True)
class FrameMetrics:
    """How good scores are on the frames of a test.

    Attributes:
        mean_average_precision: Over the scored labels that have a positive frame.
        mean_calibrated_precision: The same with calibrated average precision.
        accuracy: Part of the frames whose best label is one of those shown.
        average_precisions: By the number of the label; NaN for the background and for a label
            that no frame shows.
        calibrated_precisions: The same with calibrated average precision.
        num_positives: Frames that show each label, by its number.
        num_frames: Frames that counted.
    """

    mean_average_precision: float
    mean_calibrated_precision: float
    accuracy: float
    average_precisions: tuple[float, ...]
    calibrated_precisions: tuple[float, ...]
    num_positives: tuple[int, ...]
    num_frames: int


def frame_metrics(
    scores: ArrayLike,
    targets: ArrayLike,
    background: int | None = 0,
    ignore: ArrayLike | None = None,
) -> FrameMetrics:
    """Judge the scores of frames.

    Args:
        scores: Probabilities, shape (T, K).
        targets: 1 for each label that a frame shows, else 0, shape (T, K); a frame may show
            several.
        background: Number of the label that is not scored; None scores all.
        ignore: True (or 1) for frames that do not count, shape (T,).

    Returns:
        The metrics.

    Raises:
        InputError: A shape does not fit, there is no frame, a score is NaN, a target is not 0
            or 1, or there is no label to score.
    """
    numbers, shown = checked_table(scores, targets, ignore)
    scored = checked_background(background, numbers.shape[1])
    plain = [float("nan")] * numbers.shape[1]
    calibrated = list(plain)
    for label in scored:
        plain[label] = average_precision(numbers[:, label], shown[:, label])
        calibrated[label] = calibrated_average_precision(numbers[:, label], shown[:, label])
    return FrameMetrics(
        _mean_of_known(plain),
        _mean_of_known(calibrated),
        frame_accuracy(numbers, shown),
        tuple(plain),
        tuple(calibrated),
        tuple(np.count_nonzero(shown, axis=0).tolist()),
        len(numbers),
    )


def frame_accuracy(scores: ArrayLike, targets: ArrayLike, ignore: ArrayLike | None = None) -> float:
    """Return the part of the frames whose best label is one of those shown.

    Of labels that are equally good the first counts.

    Args:
        scores: A score for each frame and label, shape (T, K).
        targets: 1 for each label that a frame shows, else 0, shape (T, K).
        ignore: True (or 1) for frames that do not count, shape (T,).

    Returns:
        The accuracy, 0 to 1. The background counts like any label.

    Raises:
        InputError: A shape does not fit, there is no frame, a score is NaN, or a target is not
            0 or 1.

    Example:
        >>> frame_accuracy([[0.9, 0.1], [0.6, 0.4]], [[1, 0], [0, 1]])
        0.5
    """
    numbers, shown = checked_table(scores, targets, ignore)
    return float(shown[np.arange(len(numbers)), numbers.argmax(axis=1)].mean())


def shown_labels(targets: ArrayLike, background: int = 0) -> NDArray[np.int64]:
    """Return the one label of each frame that segments are made of.

    Where a frame shows several, as at the border of two segments that touch inside it, the one
    that began last is taken, and of those the first in the order of the labels.

    Args:
        targets: 1 for each label that a frame of one video shows, else 0, shape (T, K).
        background: The label of frames that show none.

    Returns:
        Numbers of labels, shape (T,).

    Raises:
        InputError: It is no such table.

    Example:
        >>> shown_labels([[1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1]]).tolist()
        [0, 1, 2, 2]
    """
    shown = checked_targets(targets)
    frames = np.arange(len(shown))[:, None]
    before = np.concatenate([np.zeros_like(shown[:1]), shown[:-1]])
    began = np.maximum.accumulate(np.where(shown & ~before, frames, -1), axis=0)
    latest = np.where(shown, began, -1)
    return np.where(shown.any(axis=1), latest.argmax(axis=1), background).astype(np.int64)


def confusion_matrix(predicted: ArrayLike, targets: ArrayLike) -> NDArray[np.int64]:
    """Count what was said of frames that show each label.

    A frame that shows several labels counts for what was said where that is one of them, and
    else for the first that it shows, so that every frame counts once.

    Args:
        predicted: Number of the label said of each frame, shape (T,).
        targets: 1 for each label that a frame shows, else 0, shape (T, K).

    Returns:
        Frames by true label (rows) and said label (columns), shape (K, K). Frames that show no
        label are left out.

    Raises:
        InputError: The shapes do not fit, or a number is no label's.

    Example:
        >>> confusion_matrix([0, 1, 0], [[1, 0], [0, 1], [0, 1]]).tolist()
        [[1, 0], [1, 1]]
    """
    said: NDArray[np.int64] = np.asarray(predicted)
    shown = checked_targets(targets)
    num_labels = shown.shape[1]
    if said.shape != (len(shown),) or not set(said.tolist()) <= set(range(num_labels)):
        raise InputError(
            f"predicted has the shape {said.shape} for {len(shown)} frames of {num_labels} labels: "
            f"give the number of a label, 0 to {num_labels - 1}, for each frame"
        )
    right = shown[np.arange(len(shown)), said]
    true = np.where(right, said, shown.argmax(axis=1))
    some = shown.any(axis=1)
    counts = np.zeros((num_labels, num_labels), dtype=np.int64)
    np.add.at(counts, (true[some], said[some]), 1)
    return counts


def _mean_of_known(values: list[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
