# pyright: basic
"""How the camera itself moves, from one frame to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["CameraMotion"]

# Longer side of the grey picture that is looked at, in pixels.
_SIDE = 320
# Contrast that every picture is brought to.
_DEVIATION = 48.0
_NUM_CORNERS = 96
_CORNER_DISTANCE = 9
# Fewer corners than these, or a smaller share of them that agree, say nothing sure.
_FEWEST = 12
_LEAST_SHARE = 0.4
# How far a corner may land from where it began when it is followed there and back.
_RETURN_PIXELS = 0.5
_OUTLIER_PIXELS = 1.0
# People are cut out with some of what is around them: shadows, arms.
_BOX_MARGIN = 0.15
_WINDOW = (15, 15)
# A map that moves no corner of the small picture further than this is noise: the camera is still.
_STILL_PIXELS = 0.35
# While it is still, frames are compared with one of at most so many before, so that a movement that
# is too slow to be seen from one frame to the next is not lost but seen later.
_REFERENCE_FRAMES = 30
# Nobody turns or zooms faster than this from one frame to the next; a cut is no movement.
_LARGEST_ZOOM = 1.25
_LARGEST_SHIFT = 0.35


class CameraMotion:
    """Estimates, frame by frame, how the camera has moved: shifted, turned and zoomed.

    Corners of the scene are followed from the frame before into this one with sparse optical
    flow on a small grey picture, and the movement that most of them share is the camera's. What
    lies in the boxes of people is not looked at. A camera that stands still comes out as exactly
    still, and so does one of which too little is seen to tell: too few corners, a cut, a picture
    of another size. A movement of less than a thousandth of the picture is told once it adds up to
    more.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> scene = cv2.resize(rng.integers(0, 256, (30, 40, 3), np.uint8), (640, 480))
        >>> motion = CameraMotion()
        >>> for left in (0, 0, 8):
        ...     camera = motion.update(scene[:400, left : left + 560])
        ...     print(camera[:, 2].round() + 0.0)
        [0. 0.]
        [0. 0.]
        [-8.  0.]
    """

    def __init__(self) -> None:
        self._reference: Any = None
        self._corners: Any = None
        self._size: tuple[int, ...] = ()
        self._age = 0

    def update(
        self,
        image_rgb: NDArray[np.uint8],
        boxes_xyxy: Sequence[Sequence[float]] | NDArray[np.floating] = (),
    ) -> NDArray[np.float64]:
        """Looks at the next frame.

        Args:
            image_rgb: The picture, shape (height, width, 3), uint8.
            boxes_xyxy: What moves by itself in this frame: boxes in its pixels, shape (K, 4).

        Returns:
            The map that takes pixels of the frame before to those of this one, shape (2, 3).
        """
        size = image_rgb.shape[:2]
        scale = min(1.0, _SIDE / max(size))
        grey = _small_grey(image_rgb, scale)
        movement = None
        if self._corners is not None and self._size == size:
            movement = _movement(self._reference, grey, self._corners)
        self._age += 1
        if movement is not None and _is_still(movement, grey.shape):
            if self._age < _REFERENCE_FRAMES:
                return np.eye(2, 3)
            movement = None
        boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
        self._reference, self._corners = grey, _find_corners(grey, boxes * scale)
        self._size, self._age = size, 0
        if movement is None or not _is_possible(movement, grey.shape):
            return np.eye(2, 3)
        movement[:, 2] /= scale
        return movement

    def reset(self) -> None:
        """Forgets what was seen: the next frame is compared with none."""
        self._reference = self._corners = None


def _small_grey(image_rgb: Any, scale: float) -> Any:
    height, width = image_rgb.shape[:2]
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Shrinking first: most of the time goes into the large picture.
    if small != (width, height):
        image_rgb = cv2.resize(image_rgb, small, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY)
    # Flow follows brightness, which a camera's exposure changes everywhere at once.
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
    gain = _DEVIATION / max(deviation, 1.0)
    levels = (np.arange(256) - mean) * gain + 128
    return cv2.LUT(grey, np.clip(levels, 0, 255).astype(np.uint8))


def _find_corners(grey: Any, boxes: NDArray[np.float64]) -> Any:
    """Corners of the scene outside the boxes, shape (n, 1, 2); None if there are too few."""
    mask = np.full(grey.shape, 255, np.uint8)
    for left, top, right, bottom in boxes:
        margin = _BOX_MARGIN * max(right - left, bottom - top)
        rows = slice(max(0, int(top - margin)), max(0, int(bottom + margin) + 1))
        columns = slice(max(0, int(left - margin)), max(0, int(right + margin) + 1))
        mask[rows, columns] = 0
    corners = cv2.goodFeaturesToTrack(grey, _NUM_CORNERS, 0.01, _CORNER_DISTANCE, mask=mask)
    return corners if corners is not None and len(corners) >= _FEWEST else None


def _movement(before: Any, grey: Any, corners: Any) -> Any:
    """The map between the small pictures, shape (2, 3); None if nothing is sure."""
    follow: Any = cv2.calcOpticalFlowPyrLK
    there, found, _ = follow(before, grey, corners, None, winSize=_WINDOW)
    back, found_back, _ = follow(grey, before, there, None, winSize=_WINDOW)
    away = np.abs(corners - back).max(axis=(1, 2))
    good = (found[:, 0] == 1) & (found_back[:, 0] == 1) & (away < _RETURN_PIXELS)
    if good.sum() < _FEWEST:
        return None
    matrix, inliers = cv2.estimateAffinePartial2D(
        corners[good], there[good], method=cv2.RANSAC, ransacReprojThreshold=_OUTLIER_PIXELS
    )
    if matrix is None or inliers.sum() < max(_FEWEST, _LEAST_SHARE * len(corners)):
        return None
    return matrix


def _is_still(movement: Any, shape: tuple[int, ...]) -> bool:
    """Whether it is too little to be told from noise."""
    return _largest_shift(movement, shape) < _STILL_PIXELS


def _is_possible(movement: Any, shape: tuple[int, ...]) -> bool:
    """Whether it is a movement that a camera can make from one frame to the next."""
    zoom = float(np.sqrt(abs(np.linalg.det(movement[:, :2]))))
    is_near = _largest_shift(movement, shape) < _LARGEST_SHIFT * max(shape)
    return is_near and 1 / _LARGEST_ZOOM < zoom < _LARGEST_ZOOM


def _largest_shift(movement: Any, shape: tuple[int, ...]) -> float:
    """How far the map moves the corner of the picture that it moves furthest, in pixels."""
    height, width = shape
    edges = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    return float(np.abs(edges @ movement[:, :2].T + movement[:, 2] - edges).max())
