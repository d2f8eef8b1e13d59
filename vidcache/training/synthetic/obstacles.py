"""Things in the picture that are no figures: some cross it, some stand before the figures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcache.training.synthetic.appearance import hsv
from vidcache.training.synthetic.splits import Split
from vidcache.video.drawing import draw_ellipse, draw_polygon

__all__ = ["Obstacle", "draw_obstacle", "make_movers", "make_occluders"]

_Floats = NDArray[np.float64]
_Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Obstacle:
    """A block or an ellipse in the picture.

    Attributes:
        start: Where its middle is at first, pixels (x, y).
        velocity: How it moves, pixels a second.
        half: Half its width and height, pixels.
        color: Its colour.
        rounded: Whether it is an ellipse.
    """

    start: _Floats
    velocity: _Floats
    half: _Floats
    color: _Floats
    rounded: bool


def make_movers(
    rng: np.random.Generator, split: Split, size: tuple[int, int], seconds: float
) -> list[Obstacle]:
    """Draw things that move and are no figures: they must not pass for actions."""
    movers: list[Obstacle] = []
    for _ in range(int(rng.choice(3, p=[0.82, 0.12, 0.06]))):
        half = rng.uniform(0.03, 0.16, 2) * size[1] * np.array([1.4, 1.0])
        velocity = rng.normal(0, 0.3, 2) * size[0] * np.array([1.0, 0.15])
        middle = rng.uniform(0.1, 0.9, 2) * np.array(size)
        start = middle - velocity * rng.uniform(0, seconds)
        color = hsv(split.hue(rng), rng.uniform(0, 0.9), rng.uniform(0.1, 0.95))
        movers.append(Obstacle(start, velocity, half, color, bool(rng.random() < 0.5)))
    return movers


def make_occluders(rng: np.random.Generator, split: Split, size: tuple[int, int]) -> list[Obstacle]:
    """Draw things that stand before the figures: posts, tables, hedges."""
    if rng.random() < 0.82:
        return []
    color = hsv(split.hue(rng), rng.uniform(0, 0.7), rng.uniform(0.1, 0.9))
    still = np.zeros(2)
    width, height = size
    if rng.random() < 0.5:
        half = np.array([rng.uniform(0.02, 0.06) * width, height])
        return [
            Obstacle(np.array([rng.uniform(0, width), 0.5 * height]), still, half, color, False)
        ]
    half = np.array([rng.uniform(0.1, 0.3) * width, rng.uniform(0.05, 0.2) * height])
    place = np.array([rng.uniform(0, width), height * rng.uniform(0.9, 1.0)])
    return [Obstacle(place, still, half, color, bool(rng.random() < 0.4))]


def draw_obstacle(image: _Picture, owners: _Picture, obstacle: Obstacle, seconds: float) -> None:
    """Draw an obstacle in place, and take its pixels from whoever owned them.

    Args:
        image: The picture, shape (height, width, 3).
        owners: Whose pixel each one is, shape (height, width); 0 is nobody's.
        obstacle: What to draw.
        seconds: Time since it was at its ``start``.
    """
    place = obstacle.start + obstacle.velocity * seconds
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * obstacle.half + place
    for picture, color, smooth in ((image, obstacle.color, True), (owners, 0, False)):
        if obstacle.rounded:
            axes = (float(obstacle.half[0]), float(obstacle.half[1]))
            draw_ellipse(picture, place, axes, 0.0, color, smooth=smooth)
        else:
            draw_polygon(picture, corners, color, smooth=smooth)
