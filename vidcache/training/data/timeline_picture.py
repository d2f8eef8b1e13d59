# pyright: basic
"""The picture of a data set: a row for each video, coloured by what it shows."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcache.errors import DataError
from vidcache.training.data.dataset import SPLITS, ActionDataset, LabelledVideo, Segment
from vidcache.training.label_colors import label_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_timelines"]

_INK, _QUIET, _IGNORED = "#1f2430", "#6b7280", "#9aa1ad"
_WIDTH_INCHES = 12.0
# So many rows stand above each other before a second column begins.
_ROWS_OF_A_COLUMN = 60
_MOST_COLUMNS = 4
_BAR_TOP, _BAR_HEIGHT = 0.14, 0.72
_HATCH = "//////"
_MOST_LABELS = 24
_TICK_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_MOST_TICKS = 8


def draw_timelines(dataset: ActionDataset, lengths: Mapping[str, float], path: Path) -> None:
    """Draws a row for each video, by split: grey where nothing is shown, a colour for each label.

    Labels that overlap stand above each other within the row. Of very many videos some are drawn,
    evenly spread, and of very many labels the most frequent have colours.

    Args:
        dataset: The data set.
        lengths: Seconds by the name of the video; others are not drawn.
        path: Where the picture goes; its ending says the format.

    Raises:
        DataError: There is nothing to draw, or the picture cannot be written.
    """
    # It takes a while to load, and only pictures need it.
    from matplotlib.figure import Figure

    rows = _choose_rows(dataset, lengths)
    if not rows:
        raise DataError(f"{dataset.path}: there is no video to draw")
    num_columns = min(math.ceil(len(rows) / _ROWS_OF_A_COLUMN), _MOST_COLUMNS)
    columns = _share_out(rows, num_columns)
    most = max(len(column) for column in columns)
    row_inches = 0.3 if most <= 20 else 0.17
    height = row_inches * most + 1.7
    figure = Figure(figsize=(_WIDTH_INCHES + 3.0 * (num_columns - 1), height), layout="constrained")
    axes = figure.subplots(1, num_columns, squeeze=False)[0]
    colors = _choose_colors(dataset, lengths)
    longest = max(lengths[row.name] for row in rows if isinstance(row, LabelledVideo))
    for axis, column in zip(axes, columns, strict=True):
        _draw_column(axis, column, lengths, colors, (longest, most), row_inches)
    _draw_legend(figure, dataset, colors, num_columns)
    num_drawn = sum(isinstance(row, LabelledVideo) for row in rows)
    shown = "" if num_drawn == len(dataset.videos) else f", {num_drawn} of them shown"
    title = f"{dataset.path.name}: {_videos(len(dataset.videos))}{shown}"
    figure.suptitle(title, color=_INK, fontsize=13, x=0.01, ha="left")
    try:
        figure.savefig(path, dpi=130)
    except (OSError, ValueError) as error:
        raise DataError(f"the picture '{path}' cannot be written: {error}") from error


def _choose_rows(dataset: ActionDataset, lengths: Mapping[str, float]) -> list[LabelledVideo | str]:
    """The videos to draw, by split and name, each split after its title."""
    room = _ROWS_OF_A_COLUMN * _MOST_COLUMNS - len(SPLITS)
    known = [video for video in dataset.videos if video.name in lengths]
    step = max(len(known) / room, 1.0)
    rows: list[LabelledVideo | str] = []
    for split in SPLITS:
        videos = sorted((v for v in known if v.split == split), key=lambda v: _natural(v.name))
        chosen = [videos[int(number * step)] for number in range(math.floor(len(videos) / step))]
        if videos:
            length = _amount(sum(lengths[video.name] for video in videos))
            rows += [f"{split}: {_videos(len(videos))}, {length}", *(chosen or videos[:1])]
    return rows


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts clip2 before clip10."""
    return [(int(n or 0), text) for n, text in re.findall(r"(\d+)|(\D+)", name)]


def _share_out(
    rows: Sequence[LabelledVideo | str], num_columns: int
) -> list[list[LabelledVideo | str]]:
    """Cuts the rows into columns; no title stays behind at the foot of one."""
    size = math.ceil(len(rows) / num_columns)
    columns = [list(rows[start : start + size]) for start in range(0, len(rows), size)]
    for column, following in itertools.pairwise(columns):
        if isinstance(column[-1], str):
            following.insert(0, column.pop())
        elif isinstance(following[0], LabelledVideo):
            following.insert(0, f"{following[0].split}, continued")
    return columns


def _choose_colors(dataset: ActionDataset, lengths: Mapping[str, float]) -> dict[str, str]:
    """Colours for the background and the labels that are shown longest, in their order."""
    seconds = dict.fromkeys(dataset.labels[1:], 0.0)
    for video in dataset.videos:
        for segment in video.segments:
            end = min(segment.end, lengths.get(video.name, 0.0))
            seconds[segment.label] += max(end - segment.start, 0.0)
    longest = set(sorted(seconds, key=lambda label: -seconds[label])[:_MOST_LABELS])
    chosen = [label for label in dataset.labels[1:] if label in longest]
    return label_colors([dataset.labels[0], *chosen])


def _draw_column(
    axis: Axes,
    rows: Sequence[LabelledVideo | str],
    lengths: Mapping[str, float],
    colors: Mapping[str, str],
    extent: tuple[float, int],
    row_inches: float,
) -> None:
    longest, most = extent
    size = 9 if row_inches > 0.2 else 6.5
    bold = {"fontsize": size + 1.5, "weight": "bold"}
    ground: list[_Bar] = []
    shown: list[_Bar] = []
    ignored: list[_Bar] = []
    for number, row in enumerate(rows):
        if isinstance(row, str):
            axis.text(0, number + 0.62, row, color=_INK, va="center", **bold)
            continue
        name, length = _shorten(row.name), lengths[row.name]
        axis.text(
            -0.008 * longest, number + 0.5, name, color=_INK, fontsize=size, ha="right", va="center"
        )
        top = number + _BAR_TOP
        ground.append(_Bar(0, length, top, _BAR_HEIGHT, next(iter(colors.values()))))
        shown += _bars_of(row.segments, length, top, colors)
        ignored += [
            _Bar(s.start, min(s.end, length), top, _BAR_HEIGHT, "none") for s in row.ignored
        ]
    _draw_bars(axis, ground, linewidths=0)
    _draw_bars(axis, shown, edgecolors="white", linewidths=0.4)
    _draw_bars(axis, ignored, edgecolors=_IGNORED, linewidths=0, hatch=_HATCH)
    axis.set(xlim=(0, longest), ylim=(most, 0), yticks=[])
    axis.xaxis.set_major_formatter(lambda seconds, _: _clock(seconds, longest))
    axis.set_xticks(_ticks(longest))
    axis.tick_params(axis="x", colors=_QUIET, labelsize=8, length=3)
    for name, spine in axis.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(_QUIET)


@dataclass(frozen=True)
class _Bar:
    """A bar, its times in seconds and its place in rows."""

    start: float
    end: float
    top: float
    height: float
    color: str


def _bars_of(
    segments: Sequence[Segment], length: float, top: float, colors: Mapping[str, str]
) -> list[_Bar]:
    """The bars of a video, those that overlap above each other."""
    lanes = _lanes(segments)
    height = _BAR_HEIGHT / max(len(lanes), 1)
    return [
        _Bar(s.start, min(s.end, length), top + lane * height, height, colors.get(s.label, _QUIET))
        for lane, inner in enumerate(lanes)
        for s in inner
        if s.start < length
    ]


def _draw_bars(axis: Axes, bars: Sequence[_Bar], **style: Any) -> None:
    """Draws bars as one artist, which is many times as fast as one each."""
    from matplotlib.collections import PolyCollection

    corners = [
        [(b.start, b.top), (b.end, b.top), (b.end, b.top + b.height), (b.start, b.top + b.height)]
        for b in bars
    ]
    faces = [bar.color for bar in bars]
    axis.add_collection(PolyCollection(corners, facecolors=faces, **style), autolim=False)


def _lanes(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Shares segments out to lanes in which none overlap."""
    lanes: list[list[Segment]] = []
    for segment in segments:
        free = next((lane for lane in lanes if lane[-1].end <= segment.start + 1e-3), None)
        if free is None:
            lanes.append([segment])
        else:
            free.append(segment)
    return lanes


def _draw_legend(
    figure: Figure, dataset: ActionDataset, colors: Mapping[str, str], num_columns: int
) -> None:
    from matplotlib.patches import Patch

    ground, *entries = [Patch(facecolor=color, label=label) for label, color in colors.items()]
    others = len(dataset.labels) - len(colors)
    if others:
        noun = "label" if others == 1 else "labels"
        entries.append(Patch(facecolor=_QUIET, label=f"{others} other {noun}"))
    entries.append(ground)
    if any(video.ignored for video in dataset.videos):
        entries.append(Patch(facecolor="white", edgecolor=_IGNORED, hatch=_HATCH, label="ignored"))
    figure.legend(
        handles=entries, loc="outside lower left", ncols=min(len(entries), 6 + 2 * num_columns),
        frameon=False, fontsize=9, labelcolor=_INK, handlelength=1.2, columnspacing=1.4,
    )  # fmt: skip


def _shorten(name: str, limit: int = 26) -> str:
    return name if len(name) <= limit else f"{name[: limit // 2 - 1]}…{name[-limit // 2 :]}"


def _ticks(longest: float) -> list[float]:
    """Times on the axis, round as a clock is."""
    step = next((step for step in _TICK_SECONDS if longest / step <= _MOST_TICKS), longest)
    return [number * step for number in range(math.floor(longest / step) + 1)]


def _clock(seconds: float, longest: float) -> str:
    if longest < 120:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _videos(number: int) -> str:
    return "1 video" if number == 1 else f"{number} videos"


def _amount(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
