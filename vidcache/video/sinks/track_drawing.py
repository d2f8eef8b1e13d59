"""How a tracked object is drawn: its box, its skeleton, and a chip with its number and action."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcache.frames import Track
from vidcache.video.sinks.palette import Palette, id_color, ink_on

__all__ = ["draw_track"]

Image = NDArray[np.uint8]

# Pairs of COCO's keypoints: arms, legs, shoulders, hips and sides. The face is too small to help.
_LIMBS = (
    *((5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16)),
    *((5, 6), (11, 12), (5, 11), (6, 12)),
)
_SHOULDERS, _NOSE = (5, 6), 0
_SEEN = 0.3
_STRENGTH = 0.7


def draw_track(paint: Any, image: Image, track: Track, size: int, palette: Palette) -> None:
    """Draws one object on a picture, in place.

    Args:
        paint: The module `vidcache.video.sinks.painting`.
        image: The picture, shape (height, width, 3), uint8 RGB.
        track: The object.
        size: The overlay's measure: about the height of its text in pixels.
        palette: The colours of actions.
    """
    height, width = image.shape[:2]
    left, top, right, bottom = (round(float(edge)) for edge in track.box_xyxy)
    left, right = max(left, 0), min(right, width - 1)
    top, bottom = max(top, 0), min(bottom, height - 1)
    if left >= right or top >= bottom:
        return
    color = id_color(track.id)
    if track.keypoints is not None:
        limbs = _visible_limbs(track.keypoints)
        paint.draw_lines(image, limbs, max(1, round(size / 13)), color, _STRENGTH)
    paint.draw_frame(image, left, top, right, bottom, max(2, round(size / 7)), color)
    parts = [(f"{track.id} {track.label}", color)]
    if track.action is not None:
        action = track.action.replace("_", " ")
        parts = [(str(track.id), color), (action, palette.color(track.action))]
    text_size = max(10, round(size * 0.85))
    line, pad = round(1.3 * text_size), max(2, size // 4)
    widths = [paint.text_width(text, text_size, 600) + 2 * pad for text, _ in parts]
    # Above its box; inside where there is no room.
    y = top - line if top >= line else top
    x = max(0, min(left, width - sum(widths)))
    for (text, fill), chip in zip(parts, widths, strict=True):
        paint.fill_rounded(image, x, y, chip, line, size // 4, fill)
        paint.draw_text(image, text, x + pad, y, text_size, ink_on(fill), 600)
        x += chip


def _visible_limbs(keypoints: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The limbs of which both ends are seen, each (2, 2)."""
    seen = (keypoints[:, 2] >= _SEEN) & np.isfinite(keypoints).all(axis=1)
    places = keypoints[:, :2]
    limbs = [places[list(pair)] for pair in _LIMBS if seen[list(pair)].all()]
    if seen[[*_SHOULDERS, _NOSE]].all():
        limbs.append(np.array([places[_NOSE], places[list(_SHOULDERS)].mean(axis=0)]))
    return limbs
