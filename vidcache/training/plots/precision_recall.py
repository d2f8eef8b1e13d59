# pyright: basic
"""The picture of precision over recall: what each threshold of each label brings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vidcache.training.label_colors import label_colors
from vidcache.training.metrics import PrecisionRecallCurve, precision_recall_curve
from vidcache.training.plots.canvas import (
    GRID,
    INK,
    QUIET,
    new_figure,
    plain_axis,
    save_figure,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_precision_recall"]

# So many curves can be told apart in one panel; more have a panel each.
_MOST_TOGETHER = 8


def draw_precision_recall(
    scores: NDArray[np.floating],
    targets: NDArray[np.bool_],
    labels: Sequence[str],
    threshold: float,
    path: Path,
) -> None:
    """Draw precision over recall of every label but the background.

    Up to eight labels share a panel, more have one each. A dot marks the threshold, a dashed line
    the precision of chance. Labels that no frame shows are left out.

    Args:
        scores: Probabilities, shape (T, K).
        targets: Which labels each frame shows, shape (T, K).
        labels: Names of the labels, the background first.
        threshold: Score from which a label is said.
        path: Where the picture goes; its ending says the format.

    Raises:
        SinkError: The picture cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    curves = {
        label: precision_recall_curve(scores[:, number], targets[:, number])
        for number, label in enumerate(labels)
        if number and targets[:, number].any()
    }
    title = "Precision over recall: no frame shows a label"
    if curves:
        mean = np.mean([curve.area() for curve in curves.values()])
        title = f"Precision over recall (dots: at the threshold), mean average precision {mean:.3f}"
    if len(curves) <= _MOST_TOGETHER:
        figure = new_figure(8.6, 5.2, title)
        _draw_together(figure.subplots(), curves, label_colors(labels), threshold)
    else:
        columns = math.ceil(math.sqrt(1.6 * len(curves)))
        rows = math.ceil(len(curves) / columns)
        figure = new_figure(1.75 * columns, 1.85 * rows + 0.8, title)
        axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axis in axes.flat[len(curves) :]:
            axis.set_axis_off()
        for axis, (label, curve) in zip(axes.flat, curves.items(), strict=False):
            _draw_alone(axis, label, curve, len(scores), threshold)
        figure.supxlabel("recall (dashed: precision of chance)", color=QUIET, fontsize=10)
        figure.supylabel("precision", color=QUIET, fontsize=10)
    save_figure(figure, path)


def _draw_together(
    axis: Axes,
    curves: dict[str, PrecisionRecallCurve],
    colors: dict[str, str],
    threshold: float,
) -> None:
    order = sorted(curves, key=lambda label: -curves[label].area())
    for label in order:
        name = f"{curves[label].area():.3f}  {shorten(label, 28)}"
        _draw_curve(axis, curves[label], colors[label], threshold, name)
    _scale(axis)
    axis.set_xlabel("recall", color=QUIET)
    axis.set_ylabel("precision", color=QUIET)
    if curves:
        axis.legend(
            title="average precision", loc="upper left", bbox_to_anchor=(1.01, 1.0),
            frameon=False, labelcolor=INK, fontsize=9, title_fontsize=9, alignment="left",
        )  # fmt: skip


def _draw_alone(
    axis: Axes, label: str, curve: PrecisionRecallCurve, num_frames: int, threshold: float
) -> None:
    color = "#3b6fb6"
    axis.fill_between(
        *_steps(curve), color=color, alpha=0.12, linewidth=0, step="pre"
    )  # fmt: skip
    _draw_curve(axis, curve, color, threshold, "")
    chance = curve.num_positives / num_frames
    axis.axhline(chance, color=QUIET, linewidth=0.7, linestyle=(0, (3, 3)))
    _scale(axis)
    axis.set_title(shorten(label, 20), color=INK, fontsize=8.5, loc="left", pad=3)
    axis.text(0.04, 0.12, f"{curve.area():.2f}", color=INK, fontsize=11, weight="bold")
    axis.tick_params(labelsize=6.5)


def _draw_curve(
    axis: Axes, curve: PrecisionRecallCurve, color: str, threshold: float, name: str
) -> None:
    axis.step(*_steps(curve), where="pre", color=color, linewidth=1.6, label=name)
    passing = np.flatnonzero(curve.thresholds >= threshold)
    if len(passing):
        last = passing[-1]
        axis.plot(
            curve.recall[last], curve.precision[last], "o", color=color, markersize=5,
            markeredgecolor="white", clip_on=False, zorder=4,
        )  # fmt: skip


def _steps(curve: PrecisionRecallCurve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Recall and precision from recall 0 on."""
    return (
        np.append(0.0, curve.recall),
        np.append(curve.precision[0], curve.precision),
    )


def _scale(axis: Axes) -> None:
    axis.set(xlim=(0, 1), ylim=(0, 1.02))
    axis.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    axis.set_yticks([0, 0.5, 1], ["0", ".5", "1"])
    axis.grid(color=GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    plain_axis(axis)
