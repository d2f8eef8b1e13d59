"""How a body holds itself and moves: keypoints around the hips, and their velocities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidcache.model.object_model.motion_features import LAGS, body_size, velocity
from vidcache.model.object_model.track_history import NUM_KEYPOINTS, TrackHistory

__all__ = ["MIN_BODY_PIXELS", "MIN_KEYPOINT_SCORE", "NUM_POSE_FEATURES", "pose_features"]

_Floats = NDArray[np.float64]

MIN_KEYPOINT_SCORE = 0.25
"""A keypoint with a lower score counts as not seen."""

MIN_BODY_PIXELS = 100.0
"""Of a smaller body the pose counts as not seen: estimators guess it, sure of themselves."""

_LIMB_LAGS = LAGS[:2]
_HIPS = (11, 12)
# With fewer keypoints than these there is no pose to speak of.
_MIN_KEYPOINTS = 4

# Place, whether seen, velocity over each limb lag; of the hips place and velocity over each lag.
NUM_POSE_FEATURES = NUM_KEYPOINTS * (2 + 1 + 2 * len(_LIMB_LAGS)) + 3 + 3 * len(LAGS)
"""Length of the vector of one observation."""


def pose_features(
    history: TrackHistory, at: NDArray[np.int64]
) -> tuple[_Floats, NDArray[np.bool_]]:
    """Describes poses and how they changed up to some observations.

    Args:
        history: The track.
        at: Numbers of the observations, shape (n,).

    Returns:
        The features, shape (n, `NUM_POSE_FEATURES`), and whether there is a pose, shape (n,).
        What is not seen is 0. Each row depends on the second before its observation alone.
    """
    points: _Floats = np.array(history.keypoints[..., :2])
    seen = history.keypoints[..., 2] >= MIN_KEYPOINT_SCORE
    seen &= np.isfinite(points).all(-1)
    points[~seen] = np.nan
    size = body_size(history, at)[:, None]
    corners = history.boxes_xyxy
    middle = (corners[:, :2] + corners[:, 2:]) / 2
    hips = points[:, _HIPS].mean(1)
    has_hips = np.isfinite(hips).all(1)
    # Without hips the middle of the box has to do: velocities between the two kinds are left out.
    center = np.where(has_hips[:, None], hips, middle)
    around: _Floats = points - center[:, None]
    limbs = np.reshape(np.where(has_hips[:, None, None], around, np.nan), (len(points), -1))
    columns = [
        np.arcsinh(np.reshape(around[at], (len(at), -1)) / size * 2),
        seen[at].astype(np.float64),
    ]
    for lag in _LIMB_LAGS:
        moved, _ = velocity(history.seconds, limbs, at, lag)
        columns.append(np.arcsinh(moved / size))
    columns.append(np.arcsinh((hips - middle)[at] / size * 2))
    columns.append(has_hips[at].astype(np.float64)[:, None])
    for lag in LAGS:
        moved, coverage = velocity(history.seconds, hips, at, lag)
        known = np.isfinite(moved).all(1)
        columns += [np.arcsinh(3 * moved / size), (coverage * known)[:, None]]
    features = np.nan_to_num(np.concatenate(columns, axis=1), nan=0.0)
    return features, (seen[at].sum(1) >= _MIN_KEYPOINTS) & (size[:, 0] >= MIN_BODY_PIXELS)
