"""How far two runs over the same video say the same."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcache.tracking.box_overlaps import box_overlaps

__all__ = ["Seen", "box_agreement", "id_agreement", "label_agreement"]

_SAME_BOX = 0.5


@dataclass(frozen=True, eq=False)
class Seen:
    """What a run says of one frame.

    Attributes:
        label: The best label.
        ids: Numbers of the objects, (K,).
        boxes_xyxy: Their boxes in pixels, (K, 4).
    """

    label: str
    ids: Sequence[int]
    boxes_xyxy: NDArray[np.float64]


def label_agreement(first: Sequence[Seen], second: Sequence[Seen]) -> float:
    """Share of the frames whose best label is the same; 1 if there are none."""
    same = sum(a.label == b.label for a, b in zip(first, second, strict=True))
    return same / len(first) if first else 1.0


def box_agreement(first: Sequence[Seen], second: Sequence[Seen]) -> float:
    """F1 of the boxes that overlap by at least half; 1 if there are none."""
    pairs = sum(len(_matches(a, b)) for a, b in zip(first, second, strict=True))
    return _f1(pairs, first, second)


def id_agreement(first: Sequence[Seen], second: Sequence[Seen]) -> float:
    """F1 of the boxes that carry the same object's number; 1 if there are none.

    Numbers of the two runs are paired one to one, those first that share most boxes, so it does
    not matter what the numbers are.

    Source:
        IDF1 of Ristani et al., "Performance Measures and a Data Set for Multi-Target,
        Multi-Camera Tracking", 2016, with the pairing chosen greedily.
    """
    shared: Counter[tuple[int, int]] = Counter()
    for a, b in zip(first, second, strict=True):
        shared.update((a.ids[i], b.ids[j]) for i, j in _matches(a, b))
    taken_first: set[int] = set()
    taken_second: set[int] = set()
    total = 0
    for (one, other), count in shared.most_common():
        if one not in taken_first and other not in taken_second:
            taken_first.add(one)
            taken_second.add(other)
            total += count
    return _f1(total, first, second)


def _f1(num_pairs: int, first: Sequence[Seen], second: Sequence[Seen]) -> float:
    boxes = sum(len(seen.ids) for seen in (*first, *second))
    return 2 * num_pairs / boxes if boxes else 1.0


def _matches(first: Seen, second: Seen) -> list[tuple[int, int]]:
    """Pairs of boxes, the best overlaps first, each box in one pair at most."""
    if not len(first.ids) or not len(second.ids):
        return []
    overlap = box_overlaps(first.boxes_xyxy, second.boxes_xyxy)
    pairs: list[tuple[int, int]] = []
    for _ in range(min(overlap.shape)):
        row, column = (int(at) for at in np.unravel_index(overlap.argmax(), overlap.shape))
        if overlap[row, column] < _SAME_BOX:
            break
        pairs.append((row, column))
        overlap[row], overlap[:, column] = -1.0, -1.0
    return pairs
