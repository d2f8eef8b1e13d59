# pyright: basic
"""Drawing and picture operations for synthetic video: the little of OpenCV that it needs.

Pictures are (height, width, 3) uint8 RGB or (height, width) uint8; points are (x, y) in pixels
and may have fractions; edges are anti-aliased only where that is said.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "blur",
    "draw_capsule",
    "draw_disc",
    "draw_ellipse",
    "draw_line",
    "draw_polygon",
    "jpeg_round_trip",
    "resize",
    "shift_picture",
    "use_one_thread",
]

_SHIFT = 4
_SCALE = 1 << _SHIFT
_FAR = 30_000.0

Color = Sequence[float] | NDArray[np.floating] | int
Point = Sequence[float] | NDArray[np.floating]


def use_one_thread() -> None:
    """Keep OpenCV on the calling thread, for worker processes that share a processor."""
    cv2.setNumThreads(0)


def draw_polygon(
    image: NDArray[np.uint8], points_xy: NDArray[np.floating], color: Color, *, smooth: bool = True
) -> None:
    """Fill a convex polygon in place.

    Args:
        image: The picture.
        points_xy: Corners, shape (n, 2).
        color: Values of the channels, 0 to 255.
        smooth: Whether edges are anti-aliased; not wanted in masks.
    """
    corners = np.clip(np.asarray(points_xy, dtype=np.float64), -_FAR, _FAR) * _SCALE
    line = cv2.LINE_AA if smooth else cv2.LINE_8
    cv2.fillConvexPoly(image, corners.round().astype(np.int32), _scalar(color), line, _SHIFT)


def draw_disc(
    image: NDArray[np.uint8],
    center_xy: Point,
    radius: float,
    color: Color,
    *,
    smooth: bool = True,
) -> None:
    """Fill a disc in place; ``radius`` in pixels."""
    line = cv2.LINE_AA if smooth else cv2.LINE_8
    size = round(min(max(radius, 0.4), _FAR) * _SCALE)
    cv2.circle(image, _place(center_xy), size, _scalar(color), -1, line, _SHIFT)


def draw_capsule(
    image: NDArray[np.uint8],
    start_xy: Point,
    end_xy: Point,
    radii: tuple[float, float],
    color: Color,
    *,
    smooth: bool = True,
) -> None:
    """Fill a limb in place: two discs of the given radii (pixels) and all between them."""
    value = _scalar(color)
    draw_disc(image, start_xy, radii[0], value, smooth=smooth)
    draw_disc(image, end_xy, radii[1], value, smooth=smooth)
    # Plain numbers: for two points they are several times as fast as arrays.
    x1, y1, x2, y2 = float(start_xy[0]), float(start_xy[1]), float(end_xy[0]), float(end_xy[1])
    length = math.hypot(x2 - x1, y2 - y1)
    if length < 1e-3:
        return
    across = ((y1 - y2) / length, (x2 - x1) / length)
    corners = [
        _place((x + side * across[0] * radius, y + side * across[1] * radius))
        for side, x, y, radius in (
            (1, x1, y1, radii[0]),
            (1, x2, y2, radii[1]),
            (-1, x2, y2, radii[1]),
            (-1, x1, y1, radii[0]),
        )
    ]
    line = cv2.LINE_AA if smooth else cv2.LINE_8
    cv2.fillConvexPoly(image, np.array(corners, dtype=np.int32), value, line, _SHIFT)


def draw_line(
    image: NDArray[np.uint8],
    start_xy: Point,
    end_xy: Point,
    thickness: float,
    color: Color,
) -> None:
    """Draw an anti-aliased line in place; ``thickness`` in pixels, at least 1."""
    ends = (_place(start_xy), _place(end_xy))
    cv2.line(image, *ends, _scalar(color), max(1, round(thickness)), cv2.LINE_AA, _SHIFT)


def draw_ellipse(
    image: NDArray[np.uint8],
    center_xy: Point,
    axes: tuple[float, float],
    degrees: float,
    color: Color,
    *,
    smooth: bool = True,
) -> None:
    """Fill an ellipse in place; ``axes`` are half its width and height in pixels."""
    halves = tuple(round(min(max(axis, 0.5), _FAR) * _SCALE) for axis in axes)
    line = cv2.LINE_AA if smooth else cv2.LINE_8
    place = _place(center_xy)
    cv2.ellipse(image, place, halves, degrees, 0, 360, _scalar(color), -1, line, _SHIFT)


def blur(image: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    """Return the picture blurred with a Gaussian of ``sigma`` pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.uint8)


def resize(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the picture at (width, height): area averages down, cubic curves up."""
    shrinks = size[0] * size[1] < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method), dtype=np.uint8)


def shift_picture(
    image: NDArray[np.uint8], offset_xy: tuple[float, float], size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return a window of a larger picture.

    Args:
        image: The larger picture.
        offset_xy: Left and top of the window in the larger picture, with fractions.
        size: Width and height of the window.

    Returns:
        The window; beyond the picture's edges its border is mirrored.
    """
    matrix = np.array([[1.0, 0.0, offset_xy[0]], [0.0, 1.0, offset_xy[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    window = cv2.warpAffine(image, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(window, dtype=np.uint8)


def jpeg_round_trip(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return the picture as it looks after lossy compression; ``quality`` from 1 to 100."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)


def _place(point: Point) -> tuple[int, int]:
    """Return a point in OpenCV's fixed-point units, kept within what it can draw."""
    x = min(max(float(point[0]), -_FAR), _FAR)
    y = min(max(float(point[1]), -_FAR), _FAR)
    return round(x * _SCALE), round(y * _SCALE)


def _scalar(color: Color) -> tuple[float, ...]:
    if isinstance(color, int):
        return (float(color),)
    return color if isinstance(color, tuple) else tuple(float(value) for value in color)
