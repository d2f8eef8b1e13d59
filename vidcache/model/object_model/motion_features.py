"""How a box moves: velocities in sizes of the box a second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidcache.model.object_model.track_history import TrackHistory, past_values

__all__ = ["LAGS", "NUM_MOTION_FEATURES", "body_size", "motion_features", "velocity"]

_Floats = NDArray[np.float64]

LAGS = (0.1, 0.4, 0.7)
"""Seconds over which velocities are taken: short ones are quick, long ones are sure."""

# Of each lag: left-right, top and bottom velocity, growth of height and width, speed, coverage.
NUM_MOTION_FEATURES = 7 * len(LAGS) + 2
"""Length of the vector of one observation."""


def motion_features(history: TrackHistory, at: NDArray[np.int64]) -> _Floats:
    """Describes how boxes moved up to some observations.

    Args:
        history: The track.
        at: Numbers of the observations, shape (n,).

    Returns:
        The features, shape (n, `NUM_MOTION_FEATURES`). Each depends on the second before its
        observation alone.
    """
    boxes = history.boxes_xyxy
    size = body_size(history, at)
    places = np.column_stack(((boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 1], boxes[:, 3]))
    logs = np.log(boxes[:, 2:] - boxes[:, :2])
    columns: list[_Floats] = []
    for lag in LAGS:
        moved, coverage = velocity(history.seconds, places, at, lag)
        grown, _ = velocity(history.seconds, logs, at, lag)
        moved = moved / size[:, None]
        speed = np.hypot(moved[:, 0], moved[:, 2])
        # Large values say no more than "very fast": the logarithm keeps jumps of a box in bounds.
        columns += [np.arcsinh(3 * moved), np.arcsinh(3 * grown[:, ::-1])]
        columns += [np.arcsinh(3 * speed)[:, None], coverage[:, None]]
    now = logs[at]
    shape = np.column_stack((now[:, 0] - now[:, 1], np.exp(now.max(1)) / size - 1))
    return np.concatenate([*columns, shape], axis=1)


def body_size(history: TrackHistory, at: NDArray[np.int64]) -> _Floats:
    """Returns the unit of length: the longer side of the box, mean over the last second.

    Args:
        history: The track.
        at: Numbers of the observations, shape (n,).

    Returns:
        Pixels, shape (n,). It changes less than a single box when a person crouches or is cut.
    """
    sides = (history.boxes_xyxy[:, 2:] - history.boxes_xyxy[:, :2]).max(1, keepdims=True)
    past = [past_values(history.seconds, sides, at, lag)[0] for lag in LAGS[1:]]
    return np.mean([sides[at], *past], axis=0)[:, 0]


def velocity(
    seconds: _Floats, values: _Floats, at: NDArray[np.int64], lag: float
) -> tuple[_Floats, _Floats]:
    """Returns the mean change a second since a while ago.

    Args:
        seconds: Times, shape (T,).
        values: One row an observation, shape (T, D).
        at: Numbers of the observations, shape (n,).
        lag: How far to look back, in seconds.

    Returns:
        The change a second, shape (n, D), 0 where there is nothing to look back to, and which
        part of the lag was there to look back over, 0 to 1, shape (n,).
    """
    then, elapsed = past_values(seconds, values, at, lag)
    change = (values[at] - then) / np.maximum(elapsed, 1e-3)[:, None]
    known = elapsed >= 1e-3
    return np.where(known[:, None], change, 0.0), np.where(known, elapsed / lag, 0.0)
