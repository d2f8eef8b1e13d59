# pyright: basic
"""What the pictures share: ink, an empty figure, and how it is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vidcache.errors import MissingExtraError, SinkError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["GRID", "INK", "QUIET", "new_figure", "plain_axis", "save_figure", "shorten"]

INK, QUIET, GRID = "#1f2430", "#6b7280", "#e6e9ee"


def new_figure(width: float, height: float, title: str) -> Figure:
    """Make an empty figure that needs no screen.

    Args:
        width: Inches.
        height: Inches.
        title: Stands above everything, at the left.

    Returns:
        The figure.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "train", "draw pictures") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, color=INK, fontsize=13, x=0.01, ha="left")
    return figure


def plain_axis(axis: Axes, size: float = 8) -> None:
    """Take away what is not read: box, tick marks, strong ink."""
    axis.tick_params(colors=QUIET, labelsize=size, length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure.

    Args:
        figure: The figure.
        path: Where it goes; its ending says the format.

    Raises:
        SinkError: It cannot be written.
    """
    try:
        figure.savefig(path, dpi=130)
    except (OSError, ValueError) as error:
        raise SinkError(f"the picture '{path}' cannot be written: {error}") from error


def shorten(name: str, limit: int) -> str:
    """Leave out the middle of a name that is longer than ``limit`` characters."""
    half = (limit - 1) // 2
    return name if len(name) <= limit else f"{name[:half]}…{name[-half:]}"
