"""Precision and recall at every threshold of a score."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidcache.training.metrics.checked_arrays import checked_frames

__all__ = ["PrecisionRecallCurve", "precision_recall_curve"]


@dataclass(frozen=True, eq=False)
class PrecisionRecallCurve:
    """What each threshold of one label's score brings, the highest first.

    Frames of equal score pass a threshold together: there is one entry a different score.

    Attributes:
        thresholds: The different scores, falling, shape (n,).
        hits: Frames at or above the threshold that show the label, shape (n,).
        misses: Frames at or above it that do not, shape (n,).
        num_positives: Frames that show the label.
    """

    thresholds: NDArray[np.float64]
    hits: NDArray[np.float64]
    misses: NDArray[np.float64]
    num_positives: int

    @property
    def precision(self) -> NDArray[np.float64]:
        """Part of the frames above each threshold that show the label, shape (n,)."""
        return self.hits / (self.hits + self.misses)

    @property
    def recall(self) -> NDArray[np.float64]:
        """Part of the label's frames above each threshold, shape (n,); NaN if it has none."""
        return self.hits / (self.num_positives or float("nan"))

    def area(self, weight: float = 1.0) -> float:
        """Return the area under the steps of precision over recall.

        Args:
            weight: How much a miss counts; above 0 or 0.

        Returns:
            The sum over the thresholds of TP / (TP + weight · FP), each times the recall that it
            adds; NaN without positive frames.
        """
        if not self.num_positives:
            return float("nan")
        added = np.diff(self.hits, prepend=0.0)
        # Thresholds that add nothing do not count, and alone can divide nothing by nothing.
        some = added > 0
        hits, misses = self.hits[some], self.misses[some]
        return float((added[some] * hits / (hits + weight * misses)).sum() / self.num_positives)


def precision_recall_curve(scores: ArrayLike, targets: ArrayLike) -> PrecisionRecallCurve:
    """Count what each threshold of a score brings.

    Args:
        scores: One score a frame, shape (T,).
        targets: 1 for frames that show the label, else 0, shape (T,).

    Returns:
        The curve.

    Raises:
        InputError: The shapes differ, there is no frame, a score is NaN, or a target is not 0
            or 1.

    Example:
        >>> curve = precision_recall_curve([0.9, 0.8, 0.8], [1, 0, 1])
        >>> curve.thresholds.tolist(), curve.hits.tolist(), curve.misses.tolist()
        ([0.9, 0.8], [1.0, 2.0], [0.0, 1.0])
    """
    numbers, positives = checked_frames(scores, targets)
    order = np.argsort(-numbers, kind="stable")
    ordered = numbers[order]
    # Compared, not subtracted: two infinite scores are equal, but their difference is no number.
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    hits = np.cumsum(positives[order])[ends].astype(np.float64)
    return PrecisionRecallCurve(ordered[ends], hits, ends + 1 - hits, int(positives.sum()))
