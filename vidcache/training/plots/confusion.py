# pyright: basic
"""The picture of what is taken for what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidcache.training.plots.canvas import INK, QUIET, new_figure, plain_axis, save_figure, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_confusion"]

# Above this many labels only cells that matter carry their number.
_MOST_NUMBERED = 12
_WORTH_A_NUMBER = 0.1


def draw_confusion(confusion: Sequence[Sequence[int]], labels: Sequence[str], path: Path) -> None:
    """Draw the part of each label's frames that each label was the best of.

    Args:
        confusion: Frames by true label (rows) and best label (columns).
        labels: Names of the labels.
        path: Where the picture goes; its ending says the format.

    Raises:
        SinkError: The picture cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    counts = np.asarray(confusion)
    frames = counts.sum(axis=1, keepdims=True)
    parts = counts / np.maximum(frames, 1)
    cell = 0.62 if len(labels) <= _MOST_NUMBERED else 0.34
    side = cell * len(labels)
    figure = new_figure(max(side + 3.2, 5.0), max(side + 2.0, 3.6), "What is taken for what")
    axis = figure.subplots()
    image = axis.imshow(parts, cmap="Blues", vmin=0, vmax=1)
    _number_cells(axis, parts, frames[:, 0], len(labels))
    names = [shorten(label, 22) for label in labels]
    size = 9 if len(labels) <= _MOST_NUMBERED else 7.5
    rows = [f"{name}  ({count:,})" for name, count in zip(names, frames[:, 0], strict=True)]
    axis.set_yticks(range(len(labels)), rows)
    axis.set_xticks(range(len(labels)), names, rotation=45, ha="right", rotation_mode="anchor")
    plain_axis(axis, size)
    axis.tick_params(colors=INK)
    # White lines between the cells.
    axis.set_xticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axis.set_yticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axis.grid(which="minor", color="white", linewidth=1)
    axis.tick_params(which="minor", length=0)
    axis.set_xlabel("best label", color=QUIET)
    axis.set_ylabel("true label (frames)", color=QUIET)
    bar = figure.colorbar(image, ax=axis, fraction=0.04, pad=0.02, shrink=0.8)
    bar.set_label("part of the true label's frames", color=QUIET, fontsize=9)
    bar.ax.tick_params(colors=QUIET, labelsize=8, length=0)
    bar.outline.set_visible(False)
    save_figure(figure, path)


def _number_cells(axis: Axes, parts: np.ndarray, frames: np.ndarray, num_labels: int) -> None:
    few = num_labels <= _MOST_NUMBERED
    for (row, column), part in np.ndenumerate(parts):
        if not frames[row] or part < (0.005 if few else _WORTH_A_NUMBER):
            continue
        axis.text(
            column, row, f"{100 * part:.0f}", ha="center", va="center",
            color="white" if part > 0.55 else INK, fontsize=9 if few else 6,
        )  # fmt: skip
