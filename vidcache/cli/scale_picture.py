# pyright: basic
"""The picture of ``vidcache bench scale``: small multiples of speed, latency and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from vidcache.errors import ConfigError

__all__ = ["draw_scale"]

_INK, _QUIET, _GRID = "#1f2430", "#6b7280", "#e5e8ee"
_MAIN, _BAND, _OTHER = "#2f6fb2", "#b9d3ec", "#d9822b"
_MIB = 1 << 20
_HEADROOM = 1.35
_TITLES = {
    "streams": "streams stepped together",
    "window": "window (frames)",
    "iterations": "refinement passes",
    "cameras": "cameras, whole program",
}


def draw_scale(figures: Mapping[str, Any], path: Path) -> None:
    """Draws a column for each number that grows, and a row each for speed, latency and memory.

    Args:
        figures: What the command writes as JSON.
        path: Where the picture goes; its ending says the format.

    Raises:
        ConfigError: The picture cannot be written.
    """
    columns = list(figures["axes"].items())
    found = figures.get("cameras")
    num_columns = len(columns) + (found is not None)
    figure = Figure(figsize=(3.3 * num_columns, 8.2), layout="constrained")
    panels = figure.subplots(3, num_columns, squeeze=False)
    for place, (name, rows) in enumerate(columns):
        _draw_head(panels[:, place], name, rows)
    if found is not None:
        _draw_cameras(panels[:, -1], found)
    for axis, label in zip(
        panels[:, 0], ("frames a second, all streams", "latency of a step, ms", "MiB"), strict=True
    ):
        axis.set_ylabel(label, color=_QUIET, fontsize=9)
    head, machine = figures["head"], figures["machine"]
    figure.suptitle(
        f"What more streams, longer windows, more passes and more cameras cost: head of width "
        f"{head['width']}, depth {head['depth']}; {machine['processors']} processors, "
        f"{machine['threads']} thread(s)",
        color=_INK, fontsize=12,
    )  # fmt: skip
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--plot is {path}: {error}") from None


def _draw_head(panels, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    speed, latency, memory = panels
    x = [row[name] for row in rows]
    _line(speed, x, [row["frames_a_second"] for row in rows], "measured", _MAIN)
    if name == "streams":
        alone = rows[0]["frames_a_second"] / x[0]
        _line(speed, x, [alone * number for number in x], "in proportion", _QUIET, "--")
        _legend(speed)
    _draw_percentiles(latency, x, rows)
    _line(memory, x, [row["nbytes"] / _MIB for row in rows], "state, as planned", _MAIN)
    grown = [max(row["grown_bytes"], 0) / _MIB for row in rows]
    _line(memory, x, grown, "growth of the process", _OTHER, "", "o")
    _legend(memory)
    for axis in panels:
        _dress(axis, x)
    speed.set_title(_TITLES[name], color=_INK, fontsize=11, loc="left")


def _draw_cameras(panels, found: Mapping[str, Any]) -> None:
    speed, latency, memory = panels
    dense = [row for row in found["points"] if not row["reuse"]]
    reusing = [row for row in found["points"] if row["reuse"]]
    x = [row["cameras"] for row in dense]
    _line(speed, x, [found["rate"] * number for number in x], "sent", _QUIET, "--")
    _line(speed, x, [row["frames_a_second"] for row in dense], "shown", _MAIN)
    _draw_percentiles(latency, x, dense)
    _line(memory, x, [row["resident_bytes"] / _MIB for row in dense], "the whole process", _MAIN)
    if reusing:
        _line(speed, x, [row["frames_a_second"] for row in reusing], "shown, token reuse", _OTHER)
        _line(latency, x, [row["p50_ms"] for row in reusing], "median, token reuse", _OTHER)
        _legend(latency)
    _legend(speed)
    _legend(memory)
    for axis in panels:
        _dress(axis, x)
    speed.set_title(_TITLES["cameras"], color=_INK, fontsize=11, loc="left")
    latency.set_ylabel("age of a result, ms", color=_QUIET, fontsize=9)


def _draw_percentiles(axis, x: Sequence[int], rows: Sequence[Mapping[str, Any]]) -> None:
    p50, p95, p99 = ([row[key] for row in rows] for key in ("p50_ms", "p95_ms", "p99_ms"))
    axis.fill_between(x, p50, p99, color=_BAND, alpha=0.45, linewidth=0, label="to p99")
    axis.fill_between(x, p50, p95, color=_BAND, linewidth=0, label="to p95")
    _line(axis, x, p50, "median", _MAIN)
    _legend(axis)


def _line(axis, x, y, label: str, color: str, style: str = "-", marker: str = ".") -> None:
    axis.plot(
        x, y, color=color, linestyle=style or "none", linewidth=1.6,
        marker="" if style == "--" else marker, markersize=5, label=label,
    )  # fmt: skip


def _legend(axis) -> None:
    axis.legend(fontsize=7.5, frameon=False, loc="upper left", labelcolor=_INK)


def _dress(axis, x: Sequence[int]) -> None:
    # What stands above the lines is the legend's.
    axis.set_ylim(0, _HEADROOM * axis.dataLim.ymax)
    axis.set_xscale("log", base=2)
    axis.set_xticks(x)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.tick_params(colors=_QUIET, labelsize=8, length=0)
    axis.grid(color=_GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    for spine in axis.spines.values():
        spine.set_visible(False)
