# pyright: basic
"""The camera of a synthetic stream: where it stands, what it follows, how it shakes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcache.training.synthetic.posing import slow_noise
from vidcache.training.synthetic.splits import Split

__all__ = ["Camera", "View", "make_camera"]

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class View:
    """The camera at one time: from points in space to pixels.

    Attributes:
        position: Where it is, metres, shape (3,).
        axes: Its right, down and forward directions, shape (3, 3).
        focal: Focal length in pixels.
        size: Width and height of the picture.
        pan: How far, in pixels, the picture has moved against the camera's first view (x, y).
    """

    position: _Floats
    axes: _Floats
    focal: float
    size: tuple[int, int]
    pan: tuple[float, float]

    def project(self, points: _Floats) -> tuple[_Floats, _Floats]:
        """Return pixels (..., 2) and distances along the view (...) of points (..., 3)."""
        seen = (points - self.position) @ self.axes.T
        depth = np.maximum(seen[..., 2], 0.05)
        center = np.array(self.size) / 2
        return seen[..., :2] / depth[..., None] * self.focal + center, seen[..., 2]

    @property
    def horizon(self) -> float:
        """Height of the horizon in the picture, pixels from the top."""
        forward = self.axes[2]
        rise = -forward[1] / max(float(np.hypot(forward[0], forward[2])), 1e-6)
        return self.size[1] / 2 - self.focal * float(rise)


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera over time.

    Attributes:
        position: Where it stands, metres.
        targets: Where it looks at each time, shape (T, 3), metres.
        rolls: Its turn about its own axis, radians, shape (T,).
        focal: Focal length in heights of the picture.
        rate: Times a second of ``targets``.
    """

    position: _Floats
    targets: _Floats
    rolls: _Floats
    focal: float
    rate: float

    def view(self, seconds: float, size: tuple[int, int]) -> View:
        """Return the view at one time for a picture of (width, height)."""
        index = min(int(seconds * self.rate), len(self.targets) - 1)
        axes = _look(self.position, self.targets[index], float(self.rolls[index]))
        focal = self.focal * size[1]
        first = _look(self.position, self.targets[0], float(self.rolls[0]))
        turned = first @ axes[2]
        pan = (focal * float(np.arctan2(turned[0], turned[2])), focal * float(turned[1]))
        return View(self.position, axes, focal, size, pan)


def make_camera(
    rng: np.random.Generator, split: Split, pelvis: _Floats, rate: float, stature: float
) -> Camera:
    """Place a camera before a figure.

    Args:
        rng: Source of randomness.
        split: Where the ranges come from.
        pelvis: Places of the main figure's pelvis over time, shape (T, 3), metres.
        rate: Times a second of ``pelvis``.
        stature: The figure's size; 1 is 1.65 m.

    Returns:
        The camera: still (with or without a small shake), or following the figure.
    """
    distance = rng.uniform(*split.camera_distances)
    azimuth = rng.uniform(0, 2 * np.pi)
    middle = pelvis[int(rng.integers(len(pelvis)))] * 0.6 + pelvis.mean(0) * 0.4
    height = split.pick(rng, split.camera_heights)
    # A camera near and high above would see little but the crown of the head.
    distance = max(distance, height * 1.2)
    around = np.array([np.cos(azimuth), 0.0, np.sin(azimuth)]) * distance
    position = middle * np.array([1.0, 0.0, 1.0]) + around + np.array([0.0, height, 0.0])
    part = rng.uniform(*split.figure_heights)
    far = float(np.hypot(distance, height - 0.85 * stature))
    focal = part * far / (1.65 * stature)
    aim = np.array([middle[0], 0.85 * stature, middle[2]])
    room = (1 - part) / 2 / focal * far
    side = np.array([-around[2], 0.0, around[0]]) / distance
    aim = aim + side * rng.normal(0, 0.5) * room + np.array([0.0, rng.uniform(-0.6, 0.6) * room, 0])
    targets = np.repeat(aim[None], len(pelvis), 0)
    times = np.arange(len(pelvis)) / rate
    if rng.random() < 0.3:
        targets = targets + _smoothed(pelvis - middle, rate) * np.array([1.0, 0.3, 1.0])
    if rng.random() < 0.5:
        shake = slow_noise(rng, times, rng.uniform(0.5, 3.0), 3)
        targets = targets + shake * rng.uniform(0.002, 0.015) * distance
    rolls = np.full(len(pelvis), rng.normal(0, 0.03))
    return Camera(position, targets, rolls, float(focal), rate)


def _look(position: _Floats, target: _Floats, roll: float) -> _Floats:
    forward = target - position
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, np.array([0.0, 1.0, 0.0]))
    right = right / max(float(np.linalg.norm(right)), 1e-6)
    down = np.cross(forward, right)
    cosine, sine = np.cos(roll), np.sin(roll)
    return np.stack((cosine * right + sine * down, cosine * down - sine * right, forward))


def _smoothed(path: _Floats, rate: float) -> _Floats:
    smooth = np.empty_like(path)
    smooth[0] = path[0]
    for index in range(1, len(path)):
        smooth[index] = smooth[index - 1] + (path[index] - smooth[index - 1]) * min(1.0, 3.0 / rate)
    return smooth
