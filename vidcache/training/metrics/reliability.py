"""Whether scores mean what they say: how often what scores 0.8 is right."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidcache.errors import InputError
from vidcache.training.metrics.checked_arrays import checked_frames

__all__ = ["Reliability", "reliability"]


@dataclass(frozen=True, eq=False)
class Reliability:
    """Scores against how often they were right, in equal parts of the range 0 to 1.

    Attributes:
        edges: Borders of the n parts, shape (n + 1,).
        mean_scores: Mean score of each part, shape (n,); NaN where no score lies.
        hit_rates: How often they were right, shape (n,); NaN where no score lies.
        counts: Scores in each part, shape (n,).
    """

    edges: NDArray[np.float64]
    mean_scores: NDArray[np.float64]
    hit_rates: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def error(self) -> float:
        """The expected calibration error: the mean gap of score and hit rate over all scores."""
        some = self.counts > 0
        gaps = np.abs(self.mean_scores[some] - self.hit_rates[some])
        return float((gaps * self.counts[some]).sum() / self.counts.sum())


def reliability(scores: ArrayLike, targets: ArrayLike, num_bins: int = 15) -> Reliability:
    """Compare scores with how often they were right.

    Args:
        scores: Probabilities, 0 to 1, shape (n,): of what was said, or of one label.
        targets: 1 where that was right, else 0, shape (n,).
        num_bins: Parts of the range.

    Returns:
        The comparison.

    Raises:
        InputError: The shapes differ, there is no score, one is NaN or outside 0 to 1, a target
            is not 0 or 1, or there is no part.

    Example:
        >>> round(reliability([0.9, 0.9, 0.1, 0.1], [1, 1, 0, 0]).error, 6)
        0.1

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    numbers, right = checked_frames(scores, targets)
    if numbers.min() < 0 or numbers.max() > 1:
        raise InputError(
            f"scores lie between {numbers.min():.4g} and {numbers.max():.4g}: "
            "give probabilities, 0 to 1"
        )
    if num_bins < 1:
        raise InputError(f"num_bins is {num_bins}: give at least 1")
    places = np.minimum((numbers * num_bins).astype(np.int64), num_bins - 1)
    counts = np.bincount(places, minlength=num_bins)
    divisor = np.where(counts > 0, counts, np.nan)
    return Reliability(
        np.linspace(0, 1, num_bins + 1),
        np.bincount(places, numbers, num_bins) / divisor,
        np.bincount(places, right, num_bins) / divisor,
        counts.astype(np.int64),
    )
