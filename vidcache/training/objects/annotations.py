"""Labels of single people in video: which box shows what, when, in the manner of AVA."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidcache.config.validation import nearest_name
from vidcache.errors import DataError
from vidcache.training.data.annotations import Place, parse_seconds
from vidcache.training.data.csv_table import read_table
from vidcache.training.data.problems import Problems

__all__ = [
    "ObjectAnnotation",
    "ObjectTimeline",
    "ObjectTruth",
    "annotated_videos",
    "match_boxes",
    "read_object_annotations",
    "write_object_annotations",
]

_COLUMNS = ("video", "time", "x1", "y1", "x2", "y2", "label", "id")
_EDGES = _COLUMNS[2:6]
# Times are often written in thousandths of a second.
_SAME_TIME = 0.002


@dataclass(frozen=True)
class ObjectAnnotation:
    """What one person does at one time.

    Attributes:
        video: Name of the video.
        seconds: Time within it.
        box: Left, top, right, bottom as parts of the picture's width and height, 0 to 1.
        label: What is done.
        id: Who it is, the same throughout the video.
    """

    video: str
    seconds: float
    box: tuple[float, float, float, float]
    label: str
    id: int


@dataclass(frozen=True)
class ObjectTruth:
    """Who is where, and does what, at one time.

    Attributes:
        id: Who it is.
        box: Left, top, right, bottom as parts of the picture's width and height.
        label: What is done; None between two annotations that say different things.
    """

    id: int
    box: tuple[float, float, float, float]
    label: str | None


def read_object_annotations(
    path: str | os.PathLike[str], labels: Sequence[str] | None = None
) -> tuple[ObjectAnnotation, ...]:
    """Reads a CSV with the columns ``video,time,x1,y1,x2,y2,label,id``.

    Args:
        path: The file. Times are seconds, boxes parts of the picture from 0 to 1.
        labels: The labels that may occur; None takes any.

    Returns:
        The annotations, in the order of video, person and time.

    Raises:
        DataError: The file cannot be read, a column is missing, or a value makes no sense; the
            message names the line.
    """
    problems = Problems()
    table = read_table(Path(path), _COLUMNS, problems)
    found: dict[tuple[str, int, float], ObjectAnnotation] = {}
    for place, row in table.rows:
        annotation = _annotation(place, row, labels)
        key = (annotation.video, annotation.id, annotation.seconds)
        if key in found:
            raise DataError(
                f"{place}: person {annotation.id} of {annotation.video!r} has two labels at "
                f"{annotation.seconds:g} s: give one"
            )
        found[key] = annotation
    if problems.mistakes:
        raise DataError(problems.mistakes[0])
    return tuple(found[key] for key in sorted(found))


def write_object_annotations(
    path: str | os.PathLike[str], annotations: Iterable[ObjectAnnotation]
) -> None:
    """Writes what :func:`read_object_annotations` reads.

    Args:
        path: The file; it is replaced.
        annotations: The annotations.

    Raises:
        DataError: The file cannot be written.
    """
    try:
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            for known in annotations:
                box = (f"{edge:.5g}" for edge in known.box)
                row = (known.video, f"{known.seconds:.10g}", *box, known.label, known.id)
                writer.writerow(row)
    except OSError as error:
        raise DataError(f"cannot write the labels {os.fspath(path)}: {error.strerror}") from error


class ObjectTimeline:
    """What annotations say of one video at any time.

    Between two annotations of a person the box moves evenly from one to the other; the label holds
    where both agree.

    Args:
        annotations: Annotations; those of other videos are left out.
        video: Name of the video.
        max_gap: Seconds between two annotations of a person beyond which nothing is known; 0
            knows the times that are annotated, and no others.
    """

    def __init__(
        self, annotations: Iterable[ObjectAnnotation], video: str, *, max_gap: float = 2.5
    ) -> None:
        self._max_gap = max_gap
        self._people: dict[int, list[ObjectAnnotation]] = {}
        for known in annotations:
            if known.video == video:
                self._people.setdefault(known.id, []).append(known)
        for known in self._people.values():
            known.sort(key=lambda annotation: annotation.seconds)

    def at(self, seconds: float) -> tuple[ObjectTruth, ...]:
        """Returns the people of whom anything is known at one time.

        Args:
            seconds: The time.
        """
        found = (self._person_at(number, seconds) for number in sorted(self._people))
        return tuple(truth for truth in found if truth is not None)

    def _person_at(self, number: int, seconds: float) -> ObjectTruth | None:
        known = self._people[number]
        times = np.array([annotation.seconds for annotation in known])
        after = int(np.searchsorted(times, seconds - _SAME_TIME))
        if after < len(known) and times[after] - seconds <= _SAME_TIME:
            return ObjectTruth(number, known[after].box, known[after].label)
        if after in (0, len(known)) or times[after] - times[after - 1] > self._max_gap:
            return None
        first, second = known[after - 1], known[after]
        part = float((seconds - first.seconds) / (second.seconds - first.seconds))
        left, top, right, bottom = (
            one + (two - one) * part for one, two in zip(first.box, second.box, strict=True)
        )
        label = first.label if first.label == second.label else None
        return ObjectTruth(number, (left, top, right, bottom), label)


def annotated_videos(annotations: Iterable[ObjectAnnotation]) -> list[str]:
    """Returns the names of the videos that annotations tell of, in order.

    Args:
        annotations: The annotations.
    """
    return sorted({known.video for known in annotations})


def match_boxes(
    boxes: NDArray[np.float64], others: NDArray[np.float64], *, overlap: float = 0.4
) -> dict[int, int]:
    """Pairs boxes with those that they overlap most, the best pair first.

    Args:
        boxes: Left, top, right, bottom, shape (n, 4).
        others: The same, shape (m, 4).
        overlap: Least intersection over union of a pair.

    Returns:
        The number of the other box by the number of the box.

    Example:
        >>> match_boxes(np.array([[0.0, 0, 2, 2]]), np.array([[5.0, 5, 6, 6], [0, 0, 2, 1.8]]))
        {0: 1}
    """
    if not len(boxes) or not len(others):
        return {}
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    inner = np.prod(np.maximum(high - low, 0.0), axis=-1)
    areas = [np.prod(some[:, 2:] - some[:, :2], axis=1) for some in (boxes, others)]
    shares = inner / np.maximum(areas[0][:, None] + areas[1][None] - inner, 1e-12)
    pairs: dict[int, int] = {}
    for number in np.argsort(-shares, axis=None, kind="stable"):
        row, column = divmod(int(number), len(others))
        if shares[row, column] < overlap:
            break
        if row not in pairs and column not in pairs.values():
            pairs[row] = column
    return pairs


def _annotation(
    place: Place, row: dict[str, str], labels: Sequence[str] | None
) -> ObjectAnnotation:
    try:
        seconds = parse_seconds(row["time"])
    except ValueError:
        raise DataError(f"{place}: time {row['time']!r} is no time: give seconds") from None
    edges: list[float] = []
    for name in _EDGES:
        try:
            edges.append(float(row[name]))
        except ValueError:
            raise DataError(
                f"{place}: {name} {row[name]!r} is no number: give a part of the picture, 0 to 1"
            ) from None
    left, top, right, bottom = edges
    # A box may reach a little beyond the picture; pixels reach far beyond 1.
    inside = all(-0.5 <= edge <= 1.5 for edge in edges)
    if not (inside and left < right and top < bottom):
        raise DataError(
            f"{place}: the box {edges} is none: give x1 < x2 and y1 < y2 as parts of the picture, "
            "0 to 1"
        )
    if labels is not None and row["label"] not in labels:
        raise DataError(
            f"{place}: unknown label {row['label']!r}: {nearest_name(row['label'], list(labels))}"
        )
    if not row["id"].isdigit():
        raise DataError(f"{place}: id {row['id']!r} is no number: give one a person, such as 1")
    return ObjectAnnotation(
        row["video"], seconds, (left, top, right, bottom), row["label"], int(row["id"])
    )
