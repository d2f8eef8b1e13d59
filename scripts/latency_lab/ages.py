"""How old results are, minute by minute, and whether they grow older."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ages", "SpanOfAges"]

_MARKS = (50, 95, 99, 100)


@dataclass(frozen=True)
class SpanOfAges:
    """The results of one span of time.

    Attributes:
        shown: Results.
        p50_ms: Median age; so the others.
        p95_ms: Age of the youngest of the oldest twentieth.
        p99_ms: Age of the youngest of the oldest hundredth.
        most_ms: Largest age.
        decoded_p50_ms: Median age at which the picture left the decoder.
    """

    shown: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    most_ms: float
    decoded_p50_ms: float


@dataclass(frozen=True)
class Ages:
    """The results of a run.

    Attributes:
        seconds: When each result was there, (n,), ascending, from the begin of the watch.
        ages_ms: From the making of its picture to that moment, (n,).
        decoded_ms: From the making of its picture to the decoder, (n,).
    """

    seconds: NDArray[np.float64]
    ages_ms: NDArray[np.float64]
    decoded_ms: NDArray[np.float64]

    def spans(self, edges: Sequence[float]) -> list[SpanOfAges]:
        """Percentiles between edges, in seconds from the begin.

        Raises:
            ValueError: Nothing came in one of the spans.

        Example:
            >>> ages = Ages(np.arange(4.0), np.array([10.0, 30, 20, 20]), np.zeros(4))
            >>> [(span.shown, span.p50_ms) for span in ages.spans([0, 2, 4])]
            [(2, 20.0), (2, 20.0)]
        """
        places = np.searchsorted(self.seconds, edges)
        empty = np.flatnonzero(np.diff(places) == 0)
        if len(empty):
            begin, end = edges[empty[0]], edges[empty[0] + 1]
            raise ValueError(f"no result with a readable time came from {begin:g} to {end:g} s")
        return [self._span(slice(*span)) for span in pairwise(places)]

    def whole(self) -> SpanOfAges:
        """Percentiles over everything."""
        return self._span(slice(None))

    def _span(self, chosen: slice) -> SpanOfAges:
        ages = self.ages_ms[chosen]
        marks = (round(float(mark), 1) for mark in np.percentile(ages, _MARKS))
        decoded = round(float(np.median(self.decoded_ms[chosen])), 1)
        return SpanOfAges(len(ages), *marks, decoded_p50_ms=decoded)
