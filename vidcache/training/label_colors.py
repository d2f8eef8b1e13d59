"""One colour for each label, the same in every picture of a data set."""

from collections.abc import Sequence

__all__ = ["label_colors"]

_BACKGROUND = "#e6e9ee"
# Neighbours differ in hue and in lightness, so that most also differ without seeing colours.
# fmt: off
_COLORS = (
    "#3b6fb6", "#f28e2b", "#3f9a5a", "#d1495b", "#7d5ba6", "#e9c446", "#2ba6a6", "#9a6a4f",
    "#ee86b7", "#8cb369", "#1f3f66", "#b35900", "#1d5c38", "#7a1f2e", "#452f73", "#a8860d",
    "#8fc1ea", "#f7c491", "#a6d9b4", "#f0a3ad", "#c3b1e1", "#0f6b6b", "#5d3a26", "#b03a78",
)
# fmt: on


def label_colors(labels: Sequence[str]) -> dict[str, str]:
    """Choose a colour for each label.

    Args:
        labels: The labels, the background first. There are 24 colours; more labels share them.

    Returns:
        Colours such as ``#3b6fb6`` by label.

    Example:
        >>> label_colors(["background", "walk"])
        {'background': '#e6e9ee', 'walk': '#3b6fb6'}
    """
    colors = {label: _COLORS[number % len(_COLORS)] for number, label in enumerate(labels[1:])}
    return {labels[0]: _BACKGROUND, **colors}
