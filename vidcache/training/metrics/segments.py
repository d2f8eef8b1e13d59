"""How good the segments of a label sequence are: their order, and how they overlap.

A segment is a run of frames of one label. The definitions are those of the published code of
temporal action segmentation. There a label called background makes no segments, and every other
one does; here ``background`` names it, and without it every label makes segments.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidcache.errors import InputError

__all__ = [
    "LabelSegment",
    "SegmentCounts",
    "edit_score",
    "label_segments",
    "segment_counts",
    "segmental_f1",
]


@dataclass(frozen=True)
class LabelSegment:
    """A run of frames of one label.

    Attributes:
        label: The label, as it stands in the sequence.
        start: Number of its first frame.
        end: Number of the frame after its last.
    """

    label: Hashable
    start: int
    end: int


@dataclass(frozen=True)
class SegmentCounts:
    """How many segments were found. Counts of several videos can be added.

    Attributes:
        found: Predicted segments that match a true one.
        wrong: Predicted segments that do not.
        missed: True segments that no predicted one matches.
    """

    found: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 1 where there was nothing to find or say."""
        everything = 2 * self.found + self.wrong + self.missed
        return 2 * self.found / everything if everything else 1.0

    def __add__(self, other: "SegmentCounts") -> "SegmentCounts":
        return SegmentCounts(
            self.found + other.found, self.wrong + other.wrong, self.missed + other.missed
        )


def label_segments(labels: ArrayLike, background: Hashable = None) -> tuple[LabelSegment, ...]:
    """Cut a label sequence into runs of the same label.

    Args:
        labels: Labels of a video's frames, numbers or names, shape (T,).
        background: The label that makes no segments; None if every label does.

    Returns:
        The segments in order.

    Raises:
        InputError: It is no sequence of at least one label, or a label is NaN.

    Example:
        >>> [(s.label, s.start, s.end) for s in label_segments([0, 0, 2, 2, 0], background=0)]
        [(2, 2, 4)]
    """
    frames = _checked(labels, "labels")
    starts = np.flatnonzero(np.append(True, frames[1:] != frames[:-1]))
    ends = np.append(starts[1:], len(frames))
    names: list[Hashable] = frames[starts].tolist()
    return tuple(
        LabelSegment(name, int(start), int(end))
        for name, start, end in zip(names, starts, ends, strict=True)
        if background is None or name != background
    )


def edit_score(predicted: ArrayLike, truth: ArrayLike, background: Hashable = None) -> float:
    """Return how alike the orders of the segments are, however long these last.

    Args:
        predicted: Labels said of one video's frames, numbers or names, shape (T,).
        truth: True labels of the frames, shape (T,).
        background: The label that makes no segments; None if every label does.

    Returns:
        1 − d / n: d is the least number of segments to insert, delete or replace that turns one
        sequence of segments into the other, n the length of the longer. 1 where both are empty.
        Over several videos the mean is usual.

    Raises:
        InputError: The sequences differ in length, or are no sequences of at least one label.

    Example:
        >>> edit_score([0, 1, 1, 2], [0, 0, 0, 2])
        0.6666666666666667

    Source: Lea et al. 2016, "Segmental Spatiotemporal CNNs for Fine-grained Action Segmentation";
    the background as in Farha and Gall 2019, "MS-TCN".
    """
    ours, theirs = _both(predicted, truth, background)
    longest = max(len(ours), len(theirs))
    if not longest:
        return 1.0
    distance = _edit_distance([s.label for s in ours], [s.label for s in theirs])
    return 1.0 - distance / longest


def segmental_f1(
    predicted: ArrayLike,
    truth: ArrayLike,
    overlap: float = 0.25,
    background: Hashable = None,
) -> float:
    """Return the F1 score of the segments of one video, by how much they overlap true ones.

    Args:
        predicted: Labels said of the frames, numbers or names, shape (T,).
        truth: True labels of the frames, shape (T,).
        overlap: Least intersection over union of a match, above 0, at most 1.
        background: The label that makes no segments; None if every label does.

    Returns:
        F1 of :func:`segment_counts`; 1 where neither sequence has a segment. For several videos
        add their counts.

    Raises:
        InputError: The sequences differ in length, or are no sequences of at least one label, or
            the overlap is out of range.

    Example:
        >>> segmental_f1([0, 0, 1, 1], [0, 1, 1, 1], overlap=0.5)
        1.0
        >>> segmental_f1([0, 0, 1, 1], [0, 1, 1, 1], overlap=0.6)
        0.5
    """
    return segment_counts(predicted, truth, overlap, background).f1


def segment_counts(
    predicted: ArrayLike,
    truth: ArrayLike,
    overlap: float = 0.25,
    background: Hashable = None,
) -> SegmentCounts:
    """Match the predicted segments of one video with the true ones.

    Each predicted segment in turn, the earliest first, takes the true one of its label with the
    largest intersection over union (the first of equals). It is found if that reaches
    ``overlap`` and no earlier one has taken it, else it is wrong: a true segment said in two
    pieces is found once, and the other piece is wrong.

    Args:
        predicted: Labels said of the frames, numbers or names, shape (T,).
        truth: True labels of the frames, shape (T,).
        overlap: Least intersection over union of a match, above 0, at most 1.
        background: The label that makes no segments; None if every label does.

    Returns:
        The counts.

    Raises:
        InputError: The sequences differ in length, or are no sequences of at least one label, or
            the overlap is out of range.

    Source: Lea et al. 2017, "Temporal Convolutional Networks for Action Segmentation and
    Detection".
    """
    if not 0 < overlap <= 1:
        raise InputError(f"overlap is {overlap}: give a part above 0, at most 1")
    ours, theirs = _both(predicted, truth, background)
    taken: set[int] = set()
    for segment in ours:
        overlaps = [_intersection_over_union(segment, other) for other in theirs]
        best = int(np.argmax(overlaps)) if overlaps else 0
        if overlaps and overlaps[best] >= overlap and best not in taken:
            taken.add(best)
    return SegmentCounts(len(taken), len(ours) - len(taken), len(theirs) - len(taken))


def _intersection_over_union(one: LabelSegment, other: LabelSegment) -> float:
    shared = min(one.end, other.end) - max(one.start, other.start)
    if one.label != other.label or shared <= 0:
        return 0.0
    return shared / (max(one.end, other.end) - min(one.start, other.start))


def _both(
    predicted: ArrayLike, truth: ArrayLike, background: Hashable
) -> tuple[tuple[LabelSegment, ...], tuple[LabelSegment, ...]]:
    said, true = _checked(predicted, "predicted"), _checked(truth, "truth")
    if len(said) != len(true):
        raise InputError(
            f"{len(said)} predicted and {len(true)} true labels: give one of each for every frame"
        )
    return label_segments(said, background), label_segments(true, background)


def _checked(labels: ArrayLike, name: str) -> NDArray[np.generic]:
    sequence = np.asarray(labels)
    if sequence.ndim != 1 or not len(sequence):
        raise InputError(
            f"{name} has the shape {sequence.shape}: give one label a frame, (frames,), "
            "with at least one frame"
        )
    if np.issubdtype(sequence.dtype, np.inexact) and np.isnan(sequence).any():
        raise InputError(f"{name} holds NaN: give every frame a label")
    return sequence


def _edit_distance(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """Return the Levenshtein distance, row by row of its table."""
    above = list(range(len(other) + 1))
    for number, label in enumerate(one, 1):
        row = [number]
        for place, wanted in enumerate(other, 1):
            row.append(min(above[place] + 1, row[-1] + 1, above[place - 1] + (label != wanted)))
        above = row
    return above[-1]
