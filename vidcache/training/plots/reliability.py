# pyright: basic
"""The picture of whether scores mean what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vidcache.training.metrics import Reliability
from vidcache.training.plots.canvas import GRID, INK, QUIET, new_figure, plain_axis, save_figure

__all__ = ["draw_reliability"]


def draw_reliability(result: Reliability, threshold: float, path: Path) -> None:
    """Draw how often scores of each size were right, and how many there are.

    Args:
        result: Scores against how often they were right.
        threshold: Score from which a label is said.
        path: Where the picture goes; its ending says the format.

    Raises:
        SinkError: The picture cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    title = f"Are scores right as often as they say?  Error {result.error:.3f}"
    figure = new_figure(6, 6, title)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    left, widths = result.edges[:-1], np.diff(result.edges)
    color = "#3b6fb6"
    above.bar(left, result.hit_rates, widths, align="edge", color=color, edgecolor="white")
    above.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=(0, (4, 3)))
    above.text(threshold, 1.01, "threshold", color="#d1495b", fontsize=9, ha="center")
    above.set(xlim=(0, 1), ylim=(0, 1))
    above.set_ylabel("right (dashed: as often as the score says)", color=QUIET)
    below.bar(left, result.counts / result.counts.sum(), widths, align="edge", color=QUIET,
              edgecolor="white")  # fmt: skip
    below.set_ylabel("scores", color=QUIET)
    below.set_xlabel("score", color=QUIET)
    for axis in (above, below):
        axis.axvline(threshold, color="#d1495b", linewidth=1)
        axis.yaxis.set_major_formatter(lambda part, _: f"{part:.0%}")
        axis.grid(color=GRID, linewidth=0.8, axis="y")
        axis.set_axisbelow(True)
        plain_axis(axis)
    save_figure(figure, path)
