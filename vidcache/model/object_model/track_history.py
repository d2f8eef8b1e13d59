"""Where one object was over time: the input of every feature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import InputError

__all__ = ["NUM_KEYPOINTS", "SPAN_SECONDS", "TrackHistory", "past_values"]

NUM_KEYPOINTS = 17
"""Keypoints of a body, in the order of COCO."""

SPAN_SECONDS = 1.0
"""How far back the features of one observation look."""

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrackHistory:
    """One object's observations, all in the pixels of one picture.

    Attributes:
        seconds: Times, not decreasing, shape (T,).
        boxes_xyxy: Left, top, right, bottom in pixels, shape (T, 4).
        keypoints: x, y in pixels and a score, shape (T, 17, 3); NaN where nothing is seen.
        regions: Features of the picture under the box, shape (T, R); NaN rows where there are
            none.

    Raises:
        InputError: Shapes do not fit, a box is empty or not finite, or times go backwards.
    """

    seconds: _Floats
    boxes_xyxy: _Floats
    keypoints: _Floats
    regions: _Floats

    def __post_init__(self) -> None:
        count = len(self.seconds)
        if (
            self.seconds.ndim != 1
            or self.boxes_xyxy.shape != (count, 4)
            or self.keypoints.shape != (count, NUM_KEYPOINTS, 3)
            or self.regions.ndim != 2
            or len(self.regions) != count
        ):
            raise InputError(
                f"a history of seconds {self.seconds.shape}, boxes {self.boxes_xyxy.shape}, "
                f"keypoints {self.keypoints.shape} and regions {self.regions.shape}: expected "
                f"(T,), (T, 4), (T, {NUM_KEYPOINTS}, 3) and (T, R)"
            )
        sizes = self.boxes_xyxy[:, 2:] - self.boxes_xyxy[:, :2]
        # Not the same as <= 0: this also finds NaN.
        if not bool((sizes > 0).all() and np.isfinite(self.boxes_xyxy).all()):
            raise InputError("a box is empty or not finite: give left < right and top < bottom")
        if not bool((np.diff(self.seconds) >= 0).all() and np.isfinite(self.seconds).all()):
            raise InputError("the times of a track go backwards or are not finite")

    def __len__(self) -> int:
        return len(self.seconds)

    @classmethod
    def of_boxes(
        cls,
        seconds: _Floats,
        boxes_xyxy: _Floats,
        keypoints: _Floats | None = None,
        regions: _Floats | None = None,
    ) -> TrackHistory:
        """Builds a history in which what is not given was not seen.

        Args:
            seconds: Times, shape (T,).
            boxes_xyxy: Boxes in pixels, shape (T, 4).
            keypoints: Shape (T, 17, 3), or None.
            regions: Shape (T, R), or None.
        """
        count = len(seconds)
        if keypoints is None:
            keypoints = np.full((count, NUM_KEYPOINTS, 3), np.nan)
        if regions is None:
            regions = np.empty((count, 0))
        return cls(seconds, boxes_xyxy, keypoints, regions)


def past_values(
    seconds: _Floats, values: _Floats, at: NDArray[np.int64], lag: float
) -> tuple[_Floats, _Floats]:
    """Looks up what values were a while before observations, between two others if need be.

    Nothing older than `SPAN_SECONDS` is used; where nothing reaches that far back, the oldest
    observation in reach is what counts, and the time that has passed is less.

    Args:
        seconds: Times, not decreasing, shape (T,).
        values: One row an observation, shape (T, D).
        at: Numbers of the observations to look back from, shape (n,).
        lag: How far to look back, in seconds, less than `SPAN_SECONDS`.

    Returns:
        The values then, shape (n, D), and how many seconds ago they were, shape (n,).

    Example:
        >>> seconds, values = np.array([0.0, 0.2, 0.4]), np.array([[0.0], [2.0], [4.0]])
        >>> then, elapsed = past_values(seconds, values, np.array([0, 2]), lag=0.1)
        >>> then[:, 0].round(6).tolist(), elapsed.round(6).tolist()
        ([0.0, 3.0], [0.0, 0.1])
    """
    now = seconds[at]
    wanted = now - lag
    after = np.minimum(np.searchsorted(seconds, wanted, "left"), at)
    before = np.maximum(after - 1, 0)
    reached = (after > 0) & (now - seconds[before] <= SPAN_SECONDS)
    gap = seconds[after] - seconds[before]
    weight = np.where(reached & (gap > 0), (seconds[after] - wanted) / np.maximum(gap, 1e-9), 0.0)
    weight = np.minimum(weight, 1.0)[:, None]
    then = np.where(
        weight > 0, values[before] * weight + values[after] * (1 - weight), values[after]
    )
    elapsed = np.where(weight[:, 0] > 0, lag, now - seconds[after])
    return then, elapsed
