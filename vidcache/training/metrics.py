"""How good per-frame scores are: average precision, its calibrated form, accuracy.

The definitions are those of online action detection: all frames of all streams in one list,
label 0 is the background and is not scored.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import InputError

__all__ = [
    "FrameMetrics",
    "average_precision",
    "calibrated_average_precision",
    "frame_metrics",
]

_Floats = NDArray[np.floating]


@dataclass(frozen=True)
class FrameMetrics:
    """How good scores are on the frames of a test.

    Attributes:
        mean_average_precision: Over the labels except the first that have a positive frame.
        mean_calibrated_precision: The same with calibrated average precision.
        accuracy: Part of the frames whose best label is one of those shown.
        average_precisions: By the number of the label; NaN for a label without positive frames
            and for the first.
        num_frames: Frames that counted.
    """

    mean_average_precision: float
    mean_calibrated_precision: float
    accuracy: float
    average_precisions: tuple[float, ...]
    num_frames: int


def average_precision(scores: _Floats, positives: NDArray[np.bool_]) -> float:
    """Return the area under the steps of precision over recall.

    Frames of equal score enter together, so that their order means nothing.

    Args:
        scores: One score a frame, shape (n,).
        positives: Which frames show the label, shape (n,).

    Returns:
        What ``sklearn.metrics.average_precision_score`` returns; NaN without positive frames.

    Example:
        >>> average_precision(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]))
        0.8333333333333333
    """
    hits, misses = _counts(scores, positives)
    if not len(hits) or hits[-1] == 0:
        return float("nan")
    precision = hits / (hits + misses)
    return float((np.diff(hits, prepend=0) * precision).sum() / hits[-1])


def calibrated_average_precision(scores: _Floats, positives: NDArray[np.bool_]) -> float:
    """Return average precision as if there were as many positive as negative frames.

    Args:
        scores: One score a frame, shape (n,).
        positives: Which frames show the label, shape (n,).

    Returns:
        The mean over the positive frames of TP / (TP + FP / w), w being negatives over positives;
        NaN without positive frames, 1 without negative ones.

    Source: De Geest et al. 2016, "Online Action Detection".
    """
    hits, misses = _counts(scores, positives)
    if not len(hits) or hits[-1] == 0:
        return float("nan")
    if misses[-1] == 0:
        return 1.0
    ratio = misses[-1] / hits[-1]
    precision = hits / (hits + misses / ratio)
    return float((np.diff(hits, prepend=0) * precision).sum() / hits[-1])


def frame_metrics(scores: _Floats, targets: _Floats) -> FrameMetrics:
    """Judge the scores of frames.

    Args:
        scores: Probabilities, shape (n, K).
        targets: Above 0 for each label that a frame shows, shape (n, K); a frame may show several.

    Returns:
        The metrics.

    Raises:
        InputError: If the shapes differ, or there is no frame.
    """
    if scores.shape != targets.shape or scores.ndim != 2 or not len(scores):
        raise InputError(
            f"scores of shape {scores.shape} and targets of shape {targets.shape}: "
            "give both as (frames, labels), with at least one frame"
        )
    positives = targets > 0
    labels = range(1, scores.shape[1])
    precisions = [average_precision(scores[:, k], positives[:, k]) for k in labels]
    calibrated = [calibrated_average_precision(scores[:, k], positives[:, k]) for k in labels]
    best = positives[np.arange(len(scores)), scores.argmax(1)]
    return FrameMetrics(
        _mean(precisions),
        _mean(calibrated),
        float(best.mean()),
        (float("nan"), *precisions),
        len(scores),
    )


def _mean(values: list[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _counts(scores: _Floats, positives: NDArray[np.bool_]) -> tuple[_Floats, _Floats]:
    """Return true and false positives at every threshold, the highest score first."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    hits = np.cumsum(positives[order])[ends].astype(np.float64)
    return hits, ends + 1 - hits
