"""Finds hard cuts while the video runs: the first picture of another scene is known as such."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcache.video.small_grey import shrink_to_grey

__all__ = ["SceneCutDetector"]

_Floats = NDArray[np.float32]

# A picture is cut into about this many square tiles, each this many points wide.
_NUM_TILES = 40
_TILE = 10
# Width of the neighbourhood whose brightness and contrast are taken out.
_NEIGHBOURHOOD = 7
# Contrast in grey levels below which a neighbourhood counts as flat, so that noise stays small.
_NOISE = 3.0
# Share of the greatest possible contrast below which a picture shows nothing: black, dazzled.
_BLANK = 0.12
# How far a tile is looked for around its place, in points.
_REACH = 2
# The least share of the picture that a camera's movement leaves in view.
_LEAST_OVERLAP = 0.4
# A difference below this means the same scene; looking further could only make it smaller.
_SAME = 0.4
# How many pictures back the scene may still be known from: a flash spoils one.
_NUM_REMEMBERED = 2


class SceneCutDetector:
    """Says of each picture whether it is the first one of another scene.

    A picture is compared with the two before it. Brightness and contrast are taken out around
    every point, so that lamps, flashes and exposure do not count; the tiles of the picture are
    then looked for near their place and near where the movement of the whole picture has taken
    them. The difference is the share of structure that is found nowhere, from 0 to 1. A camera
    that turns keeps most of it below 0.4, and so does what walks into the picture unless it
    covers more than half. A picture that shows next to nothing (black, white, dazzled) says
    nothing: the scene after it is compared with the one before it. A picture of another shape is
    compared with none. Where every picture differs from the last (snow on the screen, a camera
    torn round), only the first begins another scene. Fades and dissolves have no first picture
    and are not found.

    Args:
        threshold: Difference from which a picture begins another scene.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> one, other = rng.integers(0, 256, (2, 9, 16, 3), np.uint8).repeat(20, 1).repeat(20, 2)
        >>> cuts = SceneCutDetector()
        >>> [cuts.update(picture) is not None for picture in (one, one // 2, other, other)]
        [False, False, True, False]

    Source: the decision is that of x264's scene cuts (what motion compensation cannot explain is
        new), made with normalised contrast in place of coding costs.
    """

    def __init__(self, threshold: float = 0.6) -> None:
        self.threshold = threshold
        self._before: deque[_Structure] = deque(maxlen=_NUM_REMEMBERED)
        self._shift = (0, 0)
        self._is_turmoil = False

    def update(self, image_rgb: NDArray[np.uint8]) -> float | None:
        """Takes the next picture.

        Args:
            image_rgb: The picture, (height, width, 3).

        Returns:
            Its difference from the pictures before it if it begins another scene, else None.
        """
        now = _structure_of(image_rgb)
        if now.contrast < _BLANK:
            return None
        if self._before and self._before[0].values.shape != now.values.shape:
            self._before.clear()
        difference = self._difference(self._before[0], now) if self._before else 0.0
        is_other, was_turmoil = difference >= self.threshold, self._is_turmoil
        is_cut = (is_other and not was_turmoil) and all(
            self._difference(older, now) >= _SAME for older in list(self._before)[1:]
        )
        self._before.appendleft(now)
        self._is_turmoil = is_other
        return difference if is_cut else None

    def _difference(self, before: _Structure, now: _Structure) -> float:
        """The share of structure that is in one picture only; at least that if below `_SAME`."""
        found = np.zeros_like(now.energy)
        whole = min(before.contrast, now.contrast)
        difference = 1.0
        for centre, reach in (((0, 0), 0), ((0, 0), _REACH), (self._shift, _REACH)):
            _look(before, now, centre, reach, found)
            difference = 1.0 - min(1.0, float(found.mean()) / whole)
            if difference < _SAME:
                return difference
        self._shift = _shift_between(before, now)
        _look(before, now, self._shift, _REACH, found)
        return 1.0 - min(1.0, float(found.mean()) / whole)


@dataclass(eq=False)
class _Structure:
    """What a picture shows, whatever the light.

    Attributes:
        values: Brightness against the neighbourhood in units of its contrast, (height, width),
            both multiples of the tile.
        energy: Mean square of these by tile.
        contrast: Mean square of all.
    """

    values: _Floats
    energy: _Floats
    contrast: float

    @cached_property
    def spectrum(self) -> NDArray[np.complexfloating[Any, Any]]:
        """Fourier transform of the values with as much empty space beside and below them."""
        height, width = self.values.shape
        return np.fft.rfft2(self.values, s=(2 * height, 2 * width))

    @cached_property
    def surrounded(self) -> tuple[_Floats, _Floats]:
        """The values, and the energy around each of them, amid empty space of the same size."""
        import cv2

        height, width = self.values.shape
        square = self.values * self.values
        around = np.asarray(
            cv2.blur(square, (_TILE, _TILE), borderType=cv2.BORDER_CONSTANT), np.float32
        )
        margin = ((height, height), (width, width))
        return np.pad(self.values, margin), np.pad(around, margin)


def _structure_of(image_rgb: NDArray[np.uint8]) -> _Structure:
    import cv2

    height, width = image_rgb.shape[:2]
    columns = max(2, round(math.sqrt(_NUM_TILES * width / height)))
    rows = max(2, round(_NUM_TILES / columns))
    size = (columns * _TILE, rows * _TILE)
    grey = shrink_to_grey(image_rgb, size)
    window = (_NEIGHBOURHOOD, _NEIGHBOURHOOD)
    relief = grey - cv2.blur(grey, window)
    deviation = np.sqrt(cv2.blur(relief * relief, window) + _NOISE**2)
    values = np.asarray(relief / deviation, np.float32)
    energy = _by_tile(values * values)
    return _Structure(values, energy, float(energy.mean()))


def _by_tile(values: _Floats) -> _Floats:
    """The mean of each tile."""
    import cv2

    height, width = values.shape
    size = (width // _TILE, height // _TILE)
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def _look(
    before: _Structure, now: _Structure, centre: tuple[int, int], reach: int, found: _Floats
) -> None:
    """Looks for the tiles of a picture in the one before it; raises ``found`` where more is.

    Args:
        before: The earlier picture.
        now: The later picture.
        centre: Shift from the earlier to the later picture (right, down) to look around.
        reach: How far to look around it.
        found: Energy of each tile that was found so far.
    """
    height, width = now.values.shape
    values, energies = before.surrounded
    middle = _TILE // 2
    for down in range(centre[1] - reach, centre[1] + reach + 1):
        for right in range(centre[0] - reach, centre[0] + reach + 1):
            y, x = height - down, width - right
            product = values[y : y + height, x : x + width] * now.values
            common = _by_tile(product)
            energy = energies[y + middle : y + height : _TILE, x + middle : x + width : _TILE]
            # Strong structure that resembles weak structure resembles it by chance.
            ratio = np.minimum(energy, now.energy) / (np.maximum(energy, now.energy) + 1e-6)
            np.maximum(found, common * ratio, out=found)


def _shift_between(before: _Structure, now: _Structure) -> tuple[int, int]:
    """How far the whole picture has moved (right, down), where that leaves enough in view."""
    height, width = now.values.shape
    size = (2 * height, 2 * width)
    likeness = np.fft.irfft2(now.spectrum * np.conj(before.spectrum), s=size)
    overlap = np.outer(_overlap(height), _overlap(width))
    enough = overlap >= _LEAST_OVERLAP
    # A small overlap has less to be alike, and more chance to be.
    score = np.where(enough, likeness / np.sqrt(np.maximum(overlap, _LEAST_OVERLAP)), -np.inf)
    down, right = np.unravel_index(int(score.argmax()), size)
    return _signed(int(right), width), _signed(int(down), height)


def _overlap(length: int) -> NDArray[np.float64]:
    """For each cyclic shift of a line in twice its space the share of it that stays in view."""
    shift = np.arange(2 * length)
    return 1.0 - np.minimum(shift, 2 * length - shift) / length


def _signed(shift: int, length: int) -> int:
    return shift if shift < length else shift - 2 * length
