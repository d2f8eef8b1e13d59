"""The picture of the memory task: one small map for each scene and budget."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from memory_task_memories import DELAYS
from memory_task_scenes import NUM_CLASSES, SCENES

matplotlib.use("Agg")
import matplotlib.pyplot as plt

_INK, _QUIET = "#1f2430", "#6b7280"


def draw_results(results: dict[int, dict[str, list[list[float]]]], path: Path) -> None:
    """Draws accuracies as maps: memories down, delays to the right, a block a budget.

    Args:
        results: For each budget and memory, the accuracies by scene and delay.
        path: Where the picture goes.
    """
    plt.rcParams.update({"font.family": "DejaVu Sans", "text.color": _INK, "font.size": 9})
    names = list(next(iter(results.values())))
    figure, axes = plt.subplots(
        len(results), len(SCENES), figsize=(13.5, 2.75 * len(results) + 1.2), squeeze=False
    )
    for number, (budget, memories) in enumerate(results.items()):
        row = axes[number]
        for place, (axis, scene) in enumerate(zip(row, SCENES, strict=True)):
            table = np.array([memories[name][place] for name in names])
            axis.imshow(table, cmap="YlGnBu", vmin=0, vmax=1, aspect="auto")
            _write_percentages(axis, table)
            axis.set_xticks(range(len(DELAYS)), [f"{delay:,}" for delay in DELAYS], fontsize=7)
            axis.set_yticks(range(len(names)), names if place == 0 else [""] * len(names))
            axis.tick_params(length=0, colors=_INK)
            axis.set_xticks(np.arange(len(DELAYS) - 1) + 0.5, minor=True)
            axis.set_yticks(np.arange(len(names) - 1) + 0.5, minor=True)
            axis.grid(which="minor", color="white", linewidth=1.2)
            axis.tick_params(which="minor", length=0)
            for spine in axis.spines.values():
                spine.set_visible(False)
            if number == 0:
                axis.set_title(scene.title.replace(", ", ",\n"), fontsize=9, pad=8)
            if number == len(results) - 1:
                axis.set_xlabel("frames since the cue", color=_QUIET, fontsize=8)
        row[0].set_ylabel(f"budget: {budget} frames", fontsize=11, fontweight="bold", labelpad=10)
    figure.suptitle(
        "What is remembered of a cue: right answers in percent "
        f"(guessing gives {100 / NUM_CLASSES})",
        fontsize=13,
    )
    figure.tight_layout(rect=(0, 0, 1, 0.985), w_pad=0.6, h_pad=1.0)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _write_percentages(axis: plt.Axes, table: np.ndarray) -> None:
    for (memory, delay), share in np.ndenumerate(table):
        colour = "white" if share > 0.55 else _INK
        text = f"{100 * share:.0f}"
        axis.text(delay, memory, text, ha="center", va="center", fontsize=6.5, color=colour)
