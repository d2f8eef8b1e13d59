"""Colours that stay the same for a label, an ID, or a state, in every frame and every video."""

import colorsys
import zlib
from collections.abc import Sequence

__all__ = ["ABSENT", "AMBER", "DARK", "UNSURE", "WHITE", "Color", "Palette", "id_color", "ink_on"]

Color = tuple[int, int, int]

UNSURE: Color = (150, 156, 165)
ABSENT: Color = (98, 113, 138)
AMBER: Color = (255, 176, 46)
WHITE: Color = (255, 255, 255)
DARK: Color = (16, 18, 22)

_GOLDEN_RATIO = 0.618034


class Palette:
    """A colour for each label: neighbours in the list are far apart on the colour wheel.

    Args:
        labels: The labels, in the model's order. Others get a colour from their name.

    Example:
        >>> Palette(["nobody", "stand", "walk"]).color("unsure") == UNSURE
        True
    """

    def __init__(self, labels: Sequence[str] = ()) -> None:
        self._colors = {label: _wheel(index) for index, label in enumerate(labels)}
        self._colors.update({"unsure": UNSURE, "nobody": ABSENT})

    def color(self, label: str) -> Color:
        """The RGB colour of a label."""
        if label not in self._colors:
            self._colors[label] = _wheel(zlib.crc32(label.encode()) % 997)
        return self._colors[label]


def id_color(number: int) -> Color:
    """The RGB colour of a tracked object."""
    return _wheel(number, offset=0.09, saturation=0.72)


def ink_on(color: Color) -> Color:
    """Dark or white: which of them reads better on this colour."""
    red, green, blue = color
    return DARK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else WHITE


def _wheel(index: int, offset: float = 0.47, saturation: float = 0.62) -> Color:
    hue = (offset + index * _GOLDEN_RATIO) % 1.0
    # Every few turns of the wheel a little darker, so that near hues still differ.
    value = 1.0 - 0.1 * (index // 8 % 3)
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)
