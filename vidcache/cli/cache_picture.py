# pyright: basic
"""The picture of ``vidcache bench cache``: which frames each policy holds over time."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from vidcache.errors import ConfigError

if TYPE_CHECKING:
    from vidcache.cli.cache_workload import CacheRun

__all__ = ["draw_held_frames"]

_COLUMNS = 4
_INK, _QUIET, _BAND = "#1f2430", "#6b7280", "#f1f3f7"


def draw_held_frames(runs: list[CacheRun], cuts: tuple[int, ...], path: Path) -> None:
    """Draws a panel a policy: a line for each frame, from when it came to when it left.

    Args:
        runs: What the policies held.
        cuts: Numbers of the frames with which shots begin.
        path: Where the picture goes; its ending says the format.

    Raises:
        ConfigError: The picture cannot be written.
    """
    num_frames = len(runs[0].held)
    rows = -(-len(runs) // _COLUMNS)
    figure = Figure(figsize=(3.4 * _COLUMNS, 3.5 * rows), layout="constrained")
    axes = figure.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat[len(runs) :]:
        axis.set_axis_off()
    panels = [_draw_panel(axis, run, cuts) for axis, run in zip(axes.flat, runs, strict=False)]
    for axis in axes[-1]:
        axis.set_xlabel("now (frame)", color=_QUIET, fontsize=9)
    for axis in axes[:, 0]:
        axis.set_ylabel("frames held", color=_QUIET, fontsize=9)
    bar = figure.colorbar(panels[0], ax=axes, fraction=0.02, pad=0.01)
    bar.set_label("how long a frame is held (frames)", color=_QUIET, fontsize=9)
    bar.ax.tick_params(colors=_QUIET, labelsize=8)
    bar.outline.set_visible(False)
    capacity = max(run.policy.capacity for run in runs)
    title = f"What {capacity} frames of memory hold of a stream of {num_frames}; bands are shots"
    figure.suptitle(title, color=_INK, fontsize=13)
    try:
        figure.savefig(path, dpi=130)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--plot is {path}: {error}") from None


def _draw_panel(axis, run: CacheRun, cuts: tuple[int, ...]):
    """Draws what one policy held; returns the lines, whose colours say how long."""
    num_frames = len(run.held)
    _draw_shots(axis, cuts, num_frames)
    spans = _spans(run.held)
    lines = LineCollection(
        [[(begin, frame), (end, frame)] for frame, begin, end in spans],
        cmap="viridis_r", norm=LogNorm(1, num_frames), linewidths=0.9, capstyle="butt",
    )  # fmt: skip
    lines.set_array([end - begin for _, begin, end in spans])
    axis.add_collection(lines)
    axis.set_title(type(run.policy).__name__, color=_INK, fontsize=11, loc="left")
    axis.set(xlim=(0, num_frames), ylim=(0, num_frames), aspect="equal")
    axis.tick_params(colors=_QUIET, labelsize=8, length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)
    return lines


def _draw_shots(axis, cuts: tuple[int, ...], num_frames: int) -> None:
    for number, (begin, end) in enumerate(zip(cuts, (*cuts[1:], num_frames), strict=True)):
        if number % 2 == 0:
            axis.axhspan(begin, end, color=_BAND, linewidth=0, zorder=0)


def _spans(held: list[list[int]]) -> list[tuple[int, int, int]]:
    """Returns (frame, first time, first time without it) of each stay in the memory."""
    times: dict[int, list[int]] = defaultdict(list)
    for now, frames in enumerate(held):
        for frame in frames:
            times[frame].append(now)
    spans: list[tuple[int, int, int]] = []
    for frame, present in times.items():
        begin = present[0]
        for now, following in zip(present, [*present[1:], -1], strict=True):
            if following != now + 1:
                spans.append((frame, begin, now + 1))
                begin = following
    return spans
