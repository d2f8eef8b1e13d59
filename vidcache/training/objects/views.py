# pyright: basic
"""How cameras see bodies: keypoints and boxes in pixels, exact."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcache.training.objects.performances import RATE, BodyPerformance

__all__ = ["ExactTrack", "view_performance"]

_Floats = NDArray[np.float64]

_FACE = slice(0, 5)
_FOCAL = 1000.0


@dataclass(frozen=True, eq=False)
class ExactTrack:
    """A body in a picture without edges, at any times.

    Attributes:
        seconds: Times, shape (T,).
        keypoints_xy: Places in pixels, shape (T, 17, 2).
        boxes_xyxy: Boxes in pixels, shape (T, 4).
        facing: Whether the face is turned to the camera, shape (T,), -1 (away) to 1.
        labels: Index of the label at each time, shape (T,).
        size: The body's height when upright, pixels.
    """

    seconds: _Floats
    keypoints_xy: _Floats
    boxes_xyxy: _Floats
    facing: _Floats
    labels: NDArray[np.int64]
    size: float


def view_performance(
    rng: np.random.Generator, performance: BodyPerformance, seconds: _Floats
) -> ExactTrack | None:
    """Place a camera and look at a body.

    Args:
        rng: Source of randomness.
        performance: The body.
        seconds: Times at which to look, from the performance's begin.

    Returns:
        What is seen; None where the body comes so near that it cannot be seen whole.
    """
    index = np.minimum(seconds * RATE, len(performance.labels) - 1.001)
    first = index.astype(int)
    part = (index - first)[:, None, None]

    def at(points: NDArray[np.float32]) -> _Floats:
        between = points[first] * (1 - part) + points[first + 1] * part
        return between.astype(np.float64)

    points = np.concatenate((at(performance.keypoints), at(performance.outline)), 1)
    seen = _through_camera(rng, points, performance.stature)
    if seen[..., 2].min() < 0.8:
        return None
    focal = _FOCAL / seen[..., 2]
    pixels = seen[..., :2] * focal[..., None]
    # Limbs and head have a thickness around their joints.
    radius = 0.055 * focal[..., None]
    boxes = np.concatenate(((pixels - radius).min(1), (pixels + radius).max(1)), 1)
    ears = points[:, 3:5].mean(1)
    towards = points[:, 0] - ears
    camera_side = seen[:, 0, 2] - seen[:, 3:5, 2].mean(1)
    facing = -camera_side / np.maximum(np.linalg.norm(towards, axis=1), 1e-6)
    labels = performance.labels[
        np.minimum(np.round(index).astype(int), len(performance.labels) - 1)
    ]
    size = float(np.median(focal) * performance.stature)
    return ExactTrack(seconds, pixels[:, :17], boxes, facing, labels, size)


def _through_camera(rng: np.random.Generator, points: _Floats, stature: float) -> _Floats:
    """Return places in the camera's axes: right, down, forward; metres."""
    if rng.random() < 0.4:
        # A camera on a wall or a mast looks down from afar.
        distance, height = rng.uniform(8.0, 30.0), rng.uniform(2.2, 8.0)
    else:
        distance, height = (
            float(np.exp(rng.uniform(np.log(2.5), np.log(14.0)))),
            rng.uniform(0.4, 2.2),
        )
    path = points[:, 11:13].mean(1)
    middle = path[int(rng.integers(len(path)))] * 0.6 + path.mean(0) * 0.4
    azimuth = rng.uniform(0, 2 * np.pi)
    position = middle + np.array([np.cos(azimuth), 0.0, np.sin(azimuth)]) * distance
    position[1] = height
    target = middle.copy()
    target[1] = stature * rng.uniform(0.3, 0.7)
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, np.array([0.0, 1.0, 0.0]))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    roll = rng.normal(0, 0.04)
    axes: _Floats = np.stack(
        (
            np.cos(roll) * right + np.sin(roll) * down,
            np.cos(roll) * down - np.sin(roll) * right,
            forward,
        )
    )
    seen: _Floats = (points - position) @ axes.T
    return seen
