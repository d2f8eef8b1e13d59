# pyright: basic
"""Painting on pictures with OpenCV: smooth text, translucent panels, boxes and bars.

Pictures are (height, width, 3) uint8 RGB and are painted on in place; coordinates are whole
pixels; what lies outside the picture is cut off.
"""

import threading
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vidcache.video.sinks.palette import Color

__all__ = [
    "draw_bar",
    "draw_frame",
    "draw_lines",
    "draw_text",
    "fill_rounded",
    "shade_rounded",
    "text_width",
]

Image = NDArray[np.uint8]

_HAS_OUTLINE_FONTS = hasattr(cv2, "FontFace")
_HERSHEY_HEIGHT = 30.0
_RIM = (16, 18, 22)
_FONT_LOCK = threading.Lock()


def text_width(text: str, size: int, weight: int = 500) -> int:
    """Width in pixels of a text of this font size."""
    return _text_mask(text, size, weight).shape[1]


def draw_text(
    image: Image, text: str, left: int, top: int, size: int, color: Color, weight: int = 500
) -> None:
    """Write one line of text.

    Args:
        image: The picture.
        text: What to write.
        left: Left edge of the text.
        top: Top of the line; the line is ``round(1.3 * size)`` high, with the text in its middle.
        size: Font size in pixels.
        color: RGB.
        weight: 400 is regular, 700 bold.
    """
    _blend(image, _text_mask(text, size, weight), left, top, color)


def fill_rounded(
    image: Image, left: int, top: int, width: int, height: int, radius: int, color: Color
) -> None:
    """Fill a rectangle with round corners."""
    if width <= 0 or height <= 0:
        return
    radius = min(radius, width // 2, height // 2)
    right, bottom = left + width, top + height
    if radius < 1:
        cv2.rectangle(image, (left, top), (right - 1, bottom - 1), color, cv2.FILLED)
        return
    # Only the corners need blending; the rest is a cross of two plain rectangles.
    cv2.rectangle(image, (left + radius, top), (right - radius - 1, bottom - 1), color, cv2.FILLED)
    cv2.rectangle(image, (left, top + radius), (right - 1, bottom - radius - 1), color, cv2.FILLED)
    corner = _corner_mask(radius)
    _blend(image, corner, left, top, color)
    _blend(image, corner[:, ::-1], right - radius, top, color)
    _blend(image, corner[::-1], left, bottom - radius, color)
    _blend(image, corner[::-1, ::-1], right - radius, bottom - radius, color)


def draw_bar(image: Image, left: int, middle: int, width: int, height: int, color: Color) -> None:
    """Draw a horizontal bar with round ends, centred on the row ``middle``."""
    reach = height // 2
    end = max(left + reach, left + width - 1 - reach)
    cv2.line(image, (left + reach, middle), (end, middle), color, height, cv2.LINE_AA)


def shade_rounded(
    image: Image, left: int, top: int, width: int, height: int, radius: int, strength: float
) -> None:
    """Darken a rectangle with round corners, so that text is readable on it.

    Args:
        image: The picture.
        left: Left edge.
        top: Upper edge.
        width: Width.
        height: Height.
        radius: Radius of the corners.
        strength: 0 leaves the picture as it is, 1 makes it black.
    """
    if width <= 0 or height <= 0:
        return
    shade = _shade_mask(width, height, radius, strength)
    area = image[max(top, 0) : top + height, max(left, 0) : left + width]
    if area.size:
        part = shade[max(-top, 0) :, max(-left, 0) :][: area.shape[0], : area.shape[1]]
        area[:] = cv2.multiply(area, np.ascontiguousarray(part), scale=1 / 255)


def draw_frame(
    image: Image, left: int, top: int, right: int, bottom: int, thickness: int, color: Color
) -> None:
    """Draw the outline of a box, with a thin dark rim that sets it off from any background."""
    cv2.rectangle(image, (left, top), (right, bottom), _RIM, thickness + 2)
    cv2.rectangle(image, (left, top), (right, bottom), color, thickness)


def draw_lines(
    image: Image,
    ends_xy: Sequence[NDArray[np.floating]],
    thickness: int,
    color: Color,
    strength: float,
) -> None:
    """Draw smooth lines that the picture shines through.

    Args:
        image: The picture.
        ends_xy: The two ends of each line in pixels, shape (2, 2).
        thickness: In pixels.
        color: RGB.
        strength: 0 leaves the picture as it is, 1 hides it.
    """
    height, width = image.shape[:2]
    if not ends_xy:
        return
    places = np.concatenate(ends_xy)
    low = np.maximum(np.floor(places.min(axis=0)) - thickness - 1, 0).astype(int)
    high = np.minimum(places.max(axis=0) + thickness + 2, (width, height)).astype(int)
    if (high <= low).any():
        return
    mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    value = (round(255 * strength),)
    for ends in ends_xy:
        start, end = (((place - low) * 16).round().astype(int).tolist() for place in ends)
        cv2.line(mask, start, end, value, thickness, cv2.LINE_AA, 4)
    _blend(image, mask, int(low[0]), int(low[1]), color)


def _blend(image: Image, mask: Image, left: int, top: int, color: Color) -> None:
    """Lay a colour over a picture, as much as the mask says (0 to 255)."""
    height, width = image.shape[:2]
    mask = mask[max(-top, 0) : max(height - top, 0), max(-left, 0) : max(width - left, 0)]
    if mask.size == 0:
        return
    top, left = max(top, 0), max(left, 0)
    area = image[top : top + mask.shape[0], left : left + mask.shape[1]]
    alpha = mask[..., None].astype(np.int32)
    area[:] = area + (np.array(color, np.int32) - area) * alpha // 255


@lru_cache(maxsize=1024)
def _text_mask(text: str, size: int, weight: int) -> Image:
    line_height = round(1.3 * size)
    baseline = round(0.98 * size)
    if _HAS_OUTLINE_FONTS:
        canvas = np.zeros((line_height + size, (len(text) + 2) * size), np.uint8)
        # A font keeps glyphs of its own, and sinks draw on threads of their own.
        with _FONT_LOCK:
            end, _ = cv2.putText(canvas, text, (0, baseline), (255,), _font(), size, weight)
        return canvas[:line_height, : max(1, min(int(end[0]) + 1, canvas.shape[1]))].copy()
    scale, thickness = size / _HERSHEY_HEIGHT, max(1, round(size * weight / 8000))
    face = cv2.FONT_HERSHEY_DUPLEX
    (width, _), _ = cv2.getTextSize(text, face, scale, thickness)
    canvas = np.zeros((line_height, max(1, width)), np.uint8)
    cv2.putText(canvas, text, (0, baseline), face, scale, 255, thickness, cv2.LINE_AA)
    return canvas


@lru_cache(maxsize=1)
def _font() -> "cv2.FontFace":
    return cv2.FontFace("sans")


@lru_cache(maxsize=64)
def _corner_mask(radius: int) -> Image:
    """The upper left corner, drawn four times as large and shrunk for a smooth edge."""
    corner = np.zeros((radius * 4, radius * 4), np.uint8)
    cv2.circle(corner, (radius * 4, radius * 4), radius * 4, (255,), cv2.FILLED)
    return np.asarray(cv2.resize(corner, (radius, radius), interpolation=cv2.INTER_AREA), np.uint8)


@lru_cache(maxsize=64)
def _shade_mask(width: int, height: int, radius: int, strength: float) -> Image:
    shape = np.zeros((height, width, 3), np.uint8)
    fill_rounded(shape, 0, 0, width, height, radius, (255, 255, 255))
    return (255 - shape.astype(np.float32) * strength).round().astype(np.uint8)
