# pyright: basic
"""Backgrounds: families of procedural scenery behind the figures."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vidcache.training.synthetic.appearance import hsv
from vidcache.training.synthetic.splits import Split
from vidcache.video.drawing import draw_disc, draw_ellipse, draw_line, draw_polygon, resize

__all__ = ["BACKGROUNDS", "make_background"]

_Picture = NDArray[np.uint8]
_Floats = NDArray[np.float64]
_Rng = np.random.Generator


def make_background(
    rng: _Rng, split: Split, size: tuple[int, int], horizon: float
) -> NDArray[np.uint8]:
    """Paint a background.

    Args:
        rng: Source of randomness.
        split: Where families and hues come from.
        size: Width and height in pixels.
        horizon: Height of the horizon, pixels from the top; it may lie outside the picture.

    Returns:
        The picture, shape (height, width, 3).
    """
    family = str(rng.choice(split.backgrounds))
    image = np.empty((size[1], size[0], 3), dtype=np.uint8)
    BACKGROUNDS[family](rng, split, image, horizon)
    if rng.random() < 0.7:
        image = _grained(rng, image, rng.uniform(4, 22))
    return image


def _color(rng: _Rng, split: Split) -> _Floats:
    if rng.random() < 0.4:
        return np.full(3, rng.uniform(30, 230)) + rng.uniform(-12, 12, 3)
    return hsv(split.hue(rng), rng.uniform(0.05, 0.7), rng.uniform(0.15, 0.95))


def _noise(rng: _Rng, size: tuple[int, int], channels: int = 1) -> _Floats:
    """Return noise of several scales with values of about unit size."""
    total = np.zeros((size[1], size[0], channels))
    weight, steepness = 1.0, rng.uniform(0.45, 0.8)
    for cells in (3, 6, 13, 28, 60):
        grid = rng.integers(0, 256, (cells, max(2, cells * size[0] // size[1]), channels))
        layer = resize(grid.astype(np.uint8), size).reshape(total.shape)
        total += (layer / 128.0 - 1.0) * weight
        weight *= steepness
    return total


def _grained(rng: _Rng, image: _Picture, strength: float) -> _Picture:
    grain = _noise(rng, (image.shape[1], image.shape[0]))
    return np.clip(image + grain * strength, 0, 255).astype(np.uint8)


def _gradient(image: _Picture, top: int, bottom: int, first: _Floats, last: _Floats) -> None:
    top, bottom = max(0, top), min(len(image), bottom)
    if bottom > top:
        part = np.linspace(0, 1, bottom - top)[:, None, None]
        image[top:bottom] = np.clip(first * (1 - part) + last * part, 0, 255).astype(np.uint8)


def _ground_and_wall(rng: _Rng, split: Split, image: _Picture, horizon: float) -> int:
    """Paint a wall or a sky and a ground; return where they meet."""
    height = len(image)
    base = int(np.clip(horizon + rng.uniform(0.02, 0.3) * height, 0.15 * height, 0.95 * height))
    wall, ground = _color(rng, split), _color(rng, split)
    _gradient(image, 0, base, wall, wall * rng.uniform(0.7, 1.1))
    _gradient(image, base, height, ground * rng.uniform(0.7, 1.0), ground * rng.uniform(0.9, 1.2))
    return base


def _box(image: _Picture, left: float, top: float, width: float, height: float, color: _Floats):
    corners = [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]
    draw_polygon(image, np.array(corners, dtype=np.float64), color)


def _plain(rng: _Rng, split: Split, image: _Picture, horizon: float) -> None:
    _ground_and_wall(rng, split, image, horizon)


def _clouds(rng: _Rng, split: Split, image: _Picture, horizon: float) -> None:
    size = (image.shape[1], image.shape[0])
    spread = _noise(rng, size, 3) * rng.uniform(5, 38, 3)
    image[:] = np.clip(_color(rng, split) + spread, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        base = int(np.clip(horizon + 0.1 * size[1], 1, size[1] - 1))
        image[base:] = (image[base:] * rng.uniform(0.5, 0.9)).astype(np.uint8)


def _blocks(rng: _Rng, split: Split, image: _Picture, horizon: float) -> None:
    _ground_and_wall(rng, split, image, horizon)
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(8, 40))):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        extent = float(rng.gamma(2.0, 0.06)) * height
        color = _color(rng, split)
        kind = rng.integers(4)
        if kind == 0:
            _box(image, x, y, extent * rng.uniform(0.3, 2), extent * rng.uniform(0.3, 2), color)
        elif kind == 1:
            axes = (extent * rng.uniform(0.2, 1), extent * rng.uniform(0.2, 1))
            draw_ellipse(image, np.array([x, y]), axes, rng.uniform(0, 180), color)
        elif kind == 2:
            end = np.array([x, y]) + rng.normal(0, 3 * extent, 2)
            draw_line(image, np.array([x, y]), end, rng.uniform(1, 0.05 * height), color)
        else:
            draw_polygon(image, np.array([x, y]) + rng.normal(0, extent, (3, 2)), color)


def _room(rng: _Rng, split: Split, image: _Picture, horizon: float) -> None:
    base = _ground_and_wall(rng, split, image, horizon)
    height, width = image.shape[:2]
    tiles = _color(rng, split)
    if rng.random() < 0.6:
        vanishing = np.array([width / 2, min(horizon, base - 1)])
        for x in np.linspace(-2 * width, 3 * width, int(rng.integers(12, 40))):
            end = np.array([x, height])
            part = (base - vanishing[1]) / max(height - vanishing[1], 1)
            draw_line(image, vanishing + (end - vanishing) * part, end, 1, tiles)
    for _ in range(int(rng.integers(0, 4))):
        w, h = rng.uniform(0.1, 0.3) * width, rng.uniform(0.15, 0.4) * height
        x, y = rng.uniform(0, width - w), rng.uniform(-0.1, 0.4) * base
        frame = _color(rng, split)
        _box(image, x - 2, y - 2, w + 4, h + 4, frame * 0.6)
        _box(image, x, y, w, h, frame)
    for _ in range(int(rng.integers(0, 5))):
        w, h = rng.uniform(0.05, 0.3) * width, rng.uniform(0.08, 0.5) * height
        x, foot = rng.uniform(-0.1, 1.0) * width, base + rng.uniform(0.0, 0.25) * height
        color = _color(rng, split)
        _box(image, x, foot - h, w, h, color)
        _box(image, x, foot - h, w, h * 0.12, color * 1.2)
        _box(image, x + w, foot - h, w * 0.25, h * 0.97, color * 0.7)


def _hills(rng: _Rng, split: Split, image: _Picture, horizon: float) -> None:
    base = _ground_and_wall(rng, split, image, horizon)
    height, width = image.shape[:2]
    xs = np.linspace(0, width, 24)
    for layer in range(int(rng.integers(1, 4))):
        rise = rng.uniform(0.05, 0.25) * height / (layer + 1)
        curve = base - rise * (1 + np.sin(xs / width * rng.uniform(3, 12) + rng.uniform(0, 6)))
        color = _color(rng, split)
        for x, y, x2, y2 in zip(xs[:-1], curve[:-1], xs[1:], curve[1:], strict=True):
            corners = np.array([(x - 1, y), (x2, y2), (x2, base + 1), (x - 1, base + 1)])
            draw_polygon(image, corners, color, smooth=False)
    for _ in range(int(rng.integers(0, 7))):
        x, foot = rng.uniform(0, width), base + rng.uniform(0.0, 0.12) * height
        tall = rng.uniform(0.1, 0.6) * height
        trunk = _color(rng, split) * 0.5
        draw_line(image, np.array([x, foot]), np.array([x, foot - tall]), 0.06 * tall, trunk)
        crown = _color(rng, split)
        for _ in range(5):
            place = np.array([x, foot - tall]) + rng.normal(0, 0.15 * tall, 2)
            draw_disc(image, place, 0.22 * tall, crown * rng.uniform(0.7, 1.1))


def _bricks(rng: _Rng, split: Split, image: _Picture, horizon: float) -> None:
    base = _ground_and_wall(rng, split, image, horizon)
    height, width = image.shape[:2]
    tall = rng.uniform(0.03, 0.08) * height
    wide, color = tall * rng.uniform(1.5, 3), _color(rng, split)
    for row in range(int(base / tall) + 1):
        for x in np.arange(-wide * (0.5 * (row % 2)), width, wide):
            corner = (x + 1, base - (row + 1) * tall + 1)
            _box(image, *corner, wide - 2, tall - 2, color * rng.uniform(0.8, 1.1))
    for y in np.geomspace(base + 1, height * 1.1, int(rng.integers(3, 9))):
        draw_line(image, np.array([0, y]), np.array([width, y]), 1, color * 0.6)


def _street(rng: _Rng, split: Split, image: _Picture, horizon: float) -> None:
    base = _ground_and_wall(rng, split, image, horizon)
    height, width = image.shape[:2]
    x = -rng.uniform(0, 0.1) * width
    while x < width:
        wide, tall = rng.uniform(0.12, 0.35) * width, rng.uniform(0.3, 1.2) * base
        facade, pane = _color(rng, split), _color(rng, split)
        _box(image, x, base - tall, wide, tall, facade)
        step = wide / int(rng.integers(3, 6))
        for left in np.arange(x + 0.2 * step, x + wide - 0.7 * step, step):
            for top in np.arange(base - tall + 0.3 * step, base - step, 1.3 * step):
                _box(image, left, top, 0.55 * step, 0.8 * step, pane * rng.uniform(0.5, 1.1))
        x += wide + rng.uniform(0, 0.05) * width
    for _ in range(int(rng.integers(0, 4))):
        long, foot = rng.uniform(0.15, 0.3) * width, base + rng.uniform(0.02, 0.15) * height
        left, color = rng.uniform(0, width), _color(rng, split)
        _box(image, left, foot - 0.25 * long, long, 0.2 * long, color)
        _box(image, left + 0.2 * long, foot - 0.42 * long, 0.55 * long, 0.2 * long, color * 0.6)
        for wheel in (0.22, 0.78):
            place = np.array([left + wheel * long, foot - 0.05 * long])
            draw_disc(image, place, 0.08 * long, np.full(3, 25.0))


def _stripes(rng: _Rng, split: Split, image: _Picture, horizon: float) -> None:
    base = _ground_and_wall(rng, split, image, horizon)
    height, width = image.shape[:2]
    slant, step = rng.uniform(-0.6, 0.6), rng.uniform(0.04, 0.15) * width
    color = _color(rng, split)
    for x in np.arange(-width, 2 * width, step):
        band = [
            (x, 0),
            (x + step / 2, 0),
            (x + step / 2 + slant * base, base),
            (x + slant * base, base),
        ]
        draw_polygon(image, np.array(band, dtype=np.float64), color)
    floor = _color(rng, split)
    for number, y in enumerate(np.geomspace(base + 1, height * 1.2, 10)):
        draw_line(image, np.array([0, y]), np.array([width, y]), 1 + number / 2, floor)


BACKGROUNDS: dict[str, Callable[[_Rng, Split, _Picture, float], None]] = {
    "plain": _plain,
    "clouds": _clouds,
    "blocks": _blocks,
    "room": _room,
    "hills": _hills,
    "bricks": _bricks,
    "street": _street,
    "stripes": _stripes,
}
"""The families by name: each paints a picture in place."""
