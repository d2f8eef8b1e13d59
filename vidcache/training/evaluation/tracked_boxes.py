"""Tracks as boxes over time, from the program's results or in the text format of MOTChallenge."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import InputError
from vidcache.video import read_jsonl

__all__ = ["TrackedBoxes", "read_mot_truth", "read_tracks"]

# Classes of MOTChallenge: 1 is a pedestrian; these are people and shapes that are none, such as
# persons on vehicles and reflections. What finds them is neither right nor wrong.
_PEDESTRIAN, _DISTRACTORS, _NO_CLASS = 1, (2, 7, 8, 12), -1


@dataclass(frozen=True, eq=False)
class TrackedBoxes:
    """Boxes with the numbers of their objects.

    Attributes:
        frames: Number of the frame of each box, from 1, shape (n,).
        ids: Number of its object, shape (n,); no object has two boxes in a frame.
        boxes_xyxy: Left, top, right, bottom in pixels, shape (n, 4).
        counted: True for boxes that are to be found, shape (n,).
        distractor: True for boxes that need not be found, but may be, shape (n,); a box that is
            neither is as if it were not there, but takes what fits it best.
    """

    frames: NDArray[np.int64]
    ids: NDArray[np.int64]
    boxes_xyxy: NDArray[np.float64]
    counted: NDArray[np.bool_]
    distractor: NDArray[np.bool_]

    @property
    def num_frames(self) -> int:
        """Number of the last frame with a box; 0 without boxes."""
        return int(self.frames.max(initial=0))

    def __repr__(self) -> str:
        num_ids = len(np.unique(self.ids))
        return f"TrackedBoxes({len(self.ids)} boxes of {num_ids} objects, {self.num_frames} frames)"


def read_mot_truth(path: str | os.PathLike[str]) -> TrackedBoxes:
    """Read the ground truth of a video in the text format of MOTChallenge.

    Lines are ``frame,id,left,top,width,height,considered,class,visibility``; those after height
    may be missing. Of the pedestrian benchmarks' classes, 1 counts, and boxes that are not
    considered (0) or of other classes do not, where 2, 7, 8 and 12 are distractors: what is
    tracked there is not held against the tracker. A class of -1 or none counts.

    Args:
        path: The file.

    Returns:
        All boxes, with what each is.

    Raises:
        InputError: It cannot be read, or a line is not of this form.

    Source: https://motchallenge.net/instructions/ and its evaluation kit's treatment of classes.
    """
    rows = [
        (*fields[:6], _counts(fields), _class(fields) in _DISTRACTORS) for fields in _read_mot(path)
    ]
    return _boxes(path, rows)


def read_tracks(path: str | os.PathLike[str], label: str | None = None) -> TrackedBoxes:
    """Read what a tracker says.

    Args:
        path: Results of this program as JSON lines (``.jsonl``), or a MOT text file.
        label: Takes the objects of this label only; None takes all. MOT files have no labels.

    Returns:
        The boxes.

    Raises:
        InputError: It cannot be read, a line is not of its form, or a label is asked of a MOT
            file.
    """
    if Path(path).suffix.lower() != ".jsonl":
        if label is not None:
            raise InputError(f"'{path}' is MOT text, which has no labels: leave {label!r} out")
        # Trackers give unconfirmed boxes numbers below 0.
        return _boxes(path, [(*row[:6], True, False) for row in _read_mot(path) if row[1] >= 0])
    rows: list[tuple[float, ...]] = []
    # Objects of another session of the tracker are others, though they count from 1 again.
    numbers: dict[tuple[int, int], int] = {}
    try:
        recording = read_jsonl(path)
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error}") from error
    for frame in recording.frames:
        for track in frame.objects:
            if label is not None and track.label != label:
                continue
            number = numbers.setdefault((frame.session, track.id), len(numbers) + 1)
            left, top, right, bottom = track.box_xyxy
            box = left, top, right - left, bottom - top
            rows.append((frame.index + 1, number, *box, True, False))
    return _boxes(path, rows)


def _read_mot(path: str | os.PathLike[str]) -> Iterable[tuple[float, ...]]:
    """Yield the numbers of each line: the first six, and what else is there."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read '{path}': {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = tuple(float(field) for field in line.rstrip(", ").split(","))
        except ValueError as error:
            raise InputError(f"'{path}', line {number}: {error}") from error
        if len(row) < 6 or not np.isfinite(row).all() or row[0] < 1:
            raise InputError(
                f"'{path}', line {number}: expected frame,id,left,top,width,height with frames "
                f"from 1, but there is {line.strip()!r}"
            )
        yield row


def _counts(row: tuple[float, ...]) -> bool:
    considered = len(row) < 7 or row[6] != 0
    return considered and _class(row) in (_PEDESTRIAN, _NO_CLASS)


def _class(row: tuple[float, ...]) -> int:
    return int(row[7]) if len(row) > 7 else _NO_CLASS


def _boxes(path: str | os.PathLike[str], rows: list[tuple[float, ...]]) -> TrackedBoxes:
    table = np.array(rows, dtype=np.float64) if rows else np.empty((0, 8))
    frames, ids = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    counted, distractor = table[:, 6] > 0, table[:, 7] > 0
    places = Counter(zip(frames[counted].tolist(), ids[counted].tolist(), strict=True))
    for (frame, number), count in places.items():
        if count > 1:
            raise InputError(
                f"'{path}': object {number} has {count} boxes in frame {frame}: an object has one"
            )
    boxes = np.concatenate([table[:, 2:4], table[:, 2:4] + table[:, 4:6]], axis=1)
    return TrackedBoxes(frames, ids, boxes, counted, distractor)
