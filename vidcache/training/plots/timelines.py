# pyright: basic
"""The picture of truth and prediction over time, a pair of strips for each video."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.label_colors import label_colors
from vidcache.training.plots.canvas import INK, QUIET, new_figure, plain_axis, save_figure, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_predictions"]

_PAIRS_OF_A_COLUMN = 40
_MOST_COLUMNS = 3
_MOST_COLORS = 24
_IGNORED = "#9aa1ad"


@dataclass(frozen=True, eq=False)
class _Pair:
    """What a video shows and what was said of it."""

    video: EncodedVideo
    said: NDArray[np.bool_]
    accuracy: float


def draw_predictions(
    videos: Sequence[EncodedVideo],
    said: Sequence[NDArray[np.bool_]],
    accuracies: Sequence[float],
    labels: Sequence[str],
    path: Path,
) -> None:
    """Draw for each video what it shows (above) and what was said of it (below).

    Labels at the same time stand above each other within their strip; white is where nothing was
    said. Of very many videos some are drawn, evenly spread from the worst to the best, and of very
    many labels the most frequent have colours.

    Args:
        videos: The videos.
        said: Which labels were said of each frame of each video, shape (T, K).
        accuracies: How much of each video was right.
        labels: Names of the labels, the background first.
        path: Where the picture goes; its ending says the format.

    Raises:
        SinkError: The picture cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    pairs = _choose(
        [_Pair(*parts) for parts in zip(videos, said, accuracies, strict=True)],
        _PAIRS_OF_A_COLUMN * _MOST_COLUMNS,
    )
    colors = _choose_colors(videos, labels)
    num_columns = math.ceil(len(pairs) / _PAIRS_OF_A_COLUMN)
    most = math.ceil(len(pairs) / num_columns)
    width = 8.5 + 4.5 * num_columns
    pair_inches = 0.62 if most <= 12 else 0.36
    shown = "" if len(pairs) == len(videos) else f", {len(pairs)} of {len(videos)} videos"
    figure = new_figure(width, pair_inches * most + 1.9, f"Truth above, prediction below{shown}")
    axes = figure.subplots(1, num_columns, squeeze=False)[0]
    longest = max(_ends(pair.video)[-1] for pair in pairs)
    for number, axis in enumerate(axes):
        column = pairs[number * most : (number + 1) * most]
        _draw_column(axis, column, labels, colors, (longest, most))
    present = np.any([(pair.said | (pair.video.targets > 0)).any(axis=0) for pair in pairs], axis=0)
    names = [label for label, is_there in zip(labels, present, strict=True) if is_there]
    _draw_legend(figure, videos, names, colors, width)
    save_figure(figure, path)


def _choose(pairs: list[_Pair], room: int) -> list[_Pair]:
    if len(pairs) <= room:
        return pairs
    ranked = sorted(pairs, key=lambda pair: (pair.accuracy, pair.video.name))
    return [ranked[place * (len(ranked) - 1) // (room - 1)] for place in range(room)]


def _choose_colors(videos: Sequence[EncodedVideo], labels: Sequence[str]) -> dict[str, str]:
    frames = np.sum([video.targets.sum(axis=0) for video in videos], axis=0)
    often = set((np.argsort(-frames[1:], kind="stable")[:_MOST_COLORS] + 1).tolist())
    chosen = [label for number, label in enumerate(labels) if number in often]
    return label_colors([labels[0], *chosen])


def _draw_column(
    axis: Axes,
    pairs: Sequence[_Pair],
    labels: Sequence[str],
    colors: Mapping[str, str],
    extent: tuple[float, int],
) -> None:
    longest, most = extent
    size = 9 if most <= 12 else 7
    for row, pair in enumerate(pairs):
        _draw_strip(axis, pair.video, pair.video.targets > 0, (row + 0.12, 0.36), labels, colors)
        _draw_strip(axis, pair.video, pair.said, (row + 0.50, 0.36), labels, colors)
        axis.text(
            -0.01 * longest, row + 0.49, shorten(pair.video.name, 28), color=INK, fontsize=size,
            ha="right", va="center",
        )  # fmt: skip
        right = "" if math.isnan(pair.accuracy) else f"{pair.accuracy:.0%}"
        axis.text(
            1.01 * _ends(pair.video)[-1], row + 0.49, right, color=QUIET, fontsize=size,
            va="center",
        )  # fmt: skip
    axis.set(xlim=(0, 1.06 * longest), ylim=(most, 0), yticks=[])
    axis.set_xlabel("seconds; at the right of each video, the part of its frames that is right",
                    color=QUIET, fontsize=8)  # fmt: skip
    plain_axis(axis)


def _draw_strip(
    axis: Axes,
    video: EncodedVideo,
    shown: NDArray[np.bool_],
    place: tuple[float, float],
    labels: Sequence[str],
    colors: Mapping[str, str],
) -> None:
    ends = _ends(video)
    begins = np.append(0.0, ends[:-1])
    top, height = place
    bars: dict[tuple[float, float], list[tuple[float, float, str]]] = {}
    for first, last in _runs(shown):
        present: list[int] = np.flatnonzero(shown[first]).tolist()
        for lane, number in enumerate(present):
            part = height / len(present)
            color = colors.get(labels[number], QUIET)
            span = (begins[first], ends[last] - begins[first], color)
            bars.setdefault((top + lane * part, part), []).append(span)
    for lane, spans in bars.items():
        axis.broken_barh(
            [span[:2] for span in spans], lane, facecolors=[span[2] for span in spans], linewidth=0
        )
    axis.broken_barh([(0, ends[-1])], place, facecolor="none", edgecolor=_IGNORED, linewidth=0.4)
    ignored = [
        (begins[first], ends[last] - begins[first])
        for first, last in _runs(video.ignore[:, None])
        if video.ignore[first]
    ]
    axis.broken_barh(
        ignored, place, facecolor="white", edgecolor=_IGNORED, hatch="//////", linewidth=0
    )


def _ends(video: EncodedVideo) -> NDArray[np.float64]:
    """When each frame gives way to the next, in seconds from the first."""
    seconds = video.seconds - video.seconds[0]
    last = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.04
    return np.append(seconds[1:], seconds[-1] + max(last, 1e-3))


def _runs(shown: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last frames of the stretches in which nothing changes."""
    changes = np.flatnonzero((shown[1:] != shown[:-1]).any(axis=1)) + 1
    starts = np.append(0, changes)
    return list(zip(starts.tolist(), np.append(changes, len(shown)) - 1, strict=True))


def _draw_legend(
    figure: Figure,
    videos: Sequence[EncodedVideo],
    present: Sequence[str],
    colors: Mapping[str, str],
    width: float,
) -> None:
    from matplotlib.patches import Patch

    entries = [
        Patch(facecolor=color, label=shorten(label, 28))
        for label, color in colors.items()
        if label in present
    ]
    others = len(present) - len(entries)
    if others:
        entries.append(Patch(facecolor=QUIET, label=f"{others} rarer labels"))
    entries.append(Patch(facecolor="white", edgecolor=_IGNORED, label="unsure", linewidth=0.5))
    if any(video.ignore.any() for video in videos):
        entries.append(
            Patch(facecolor="white", edgecolor=_IGNORED, hatch="//////", label="ignored")
        )
    # A letter takes a thirteenth of an inch, the patch and the gap as much as six of them.
    longest = max(len(str(entry.get_label())) for entry in entries)
    columns = max(int(13 * width / (longest + 6)), 1)
    figure.legend(
        handles=entries, loc="outside lower left", ncols=min(len(entries), columns),
        frameon=False, fontsize=9, labelcolor=INK, handlelength=1.2, columnspacing=1.4,
    )  # fmt: skip
