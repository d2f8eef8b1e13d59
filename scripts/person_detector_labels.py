"""Pseudo-labels of people: what two COCO detectors say of a picture together.

Each teacher looks at the whole picture and at overlapping quarters of it, in which small people
are larger. What they say is merged; people that are sure become labels, people that are doubtful
become regions that a training picture should not show as background.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidcache.tracking import UltralyticsDetector

TEACHERS = ("nanodet416_coco.onnx", "centernet512_coco.onnx")

_SURE = 0.5
_SURE_OF_BOTH = 0.42
_DOUBTFUL = 0.12
_SAME_PERSON = 0.5
_MOVES = 0.2
_STILL = 0.08
_SURE_IF_MOVING = 0.28


@dataclass(frozen=True)
class People:
    """The people of a picture.

    Attributes:
        sure: Boxes that serve as labels, shape (people, 4), left, top, right, bottom in pixels.
        scores: Their scores.
        doubtful: Boxes that may be people, shape (regions, 4).
    """

    sure: NDArray[np.float32]
    scores: NDArray[np.float32]
    doubtful: NDArray[np.float32]


class Teachers:
    """The two detectors.

    Args:
        models: Folder that holds them.
    """

    def __init__(self, models: Path) -> None:
        self._detectors = [
            UltralyticsDetector(models / name, confidence=0.05, classes=["person"])
            for name in TEACHERS
        ]

    def look(
        self,
        image_rgb: NDArray[np.uint8],
        *,
        tiles: bool = True,
        moving: NDArray[np.bool_] | None = None,
    ) -> People:
        """Labels one picture.

        Args:
            image_rgb: The picture, shape (height, width, 3), uint8.
            tiles: Whether quarters are looked at too.
            moving: Where a still camera's picture differs from its background, shape (height,
                width). A weak detection on a moving thing is a person, one on a still thing is
                background.
        """
        found: list[tuple[float, int, NDArray[np.float32]]] = []
        height, width = image_rgb.shape[:2]
        for left, top, right, bottom in _views(width, height, tiles=tiles):
            view = np.ascontiguousarray(image_rgb[top:bottom, left:right])
            for teacher, detector in enumerate(self._detectors):
                for seen in detector.detect(view):
                    box = np.float32(seen.box_xyxy) + np.float32([left, top, left, top])
                    if not _cut(box, (left, top, right, bottom), width, height):
                        found.append((seen.score, teacher, box))
        return _merge(found, moving)


def _views(width: int, height: int, *, tiles: bool) -> list[tuple[int, int, int, int]]:
    whole = (0, 0, width, height)
    if not tiles:
        return [whole]
    part_x, part_y = round(width * 0.6), round(height * 0.6)
    lefts, tops = (0, width - part_x), (0, height - part_y)
    return [whole, *((x, y, x + part_x, y + part_y) for x in lefts for y in tops)]


def _cut(box: NDArray[np.float32], view: tuple[int, ...], width: int, height: int) -> bool:
    """Whether the box ends at an edge of the view that is not an edge of the picture."""
    margin = 0.015 * max(view[2] - view[0], view[3] - view[1])
    inner = (view[0] > 0, view[1] > 0, view[2] < width, view[3] < height)
    return any(
        inside and abs(float(side) - edge) < margin
        for inside, side, edge in zip(inner, box, view, strict=True)
    )


def overlap(one: NDArray[np.float32], many: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of one box with each of many."""
    inner = _inner_area(one, many)
    return inner / np.maximum(_area(one) + _area(many) - inner, 1e-6)


def covered(one: NDArray[np.float32], many: NDArray[np.float32]) -> NDArray[np.float32]:
    """Which part of each of many boxes lies within the one."""
    return _inner_area(one, many) / np.maximum(_area(many), 1e-6)


def _area(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.prod(np.maximum(boxes[..., 2:] - boxes[..., :2], 0), axis=-1)


def _inner_area(one: NDArray[np.float32], many: NDArray[np.float32]) -> NDArray[np.float32]:
    top_left = np.maximum(one[:2], many[:, :2])
    bottom_right = np.minimum(one[2:], many[:, 2:])
    return np.prod(np.maximum(bottom_right - top_left, 0), axis=-1)


def _is_sure(
    score: float, num_teachers: int, box: NDArray[np.float32], moving: NDArray[np.bool_] | None
) -> bool | None:
    """True for a label, False for a doubtful region, None for background."""
    if moving is not None:
        left, top, right, bottom = box.astype(int)
        part = float(moving[max(top, 0) : bottom + 1, max(left, 0) : right + 1].mean())
        if part >= _MOVES:
            return score >= _SURE_IF_MOVING or (None if score < _DOUBTFUL else False)
        if part < _STILL and score < 0.6:
            return None
    if score >= _SURE or (score >= _SURE_OF_BOTH and num_teachers > 1):
        return True
    return False if score >= _DOUBTFUL else None


def _merge(
    found: list[tuple[float, int, NDArray[np.float32]]], moving: NDArray[np.bool_] | None
) -> People:
    """Groups boxes around the best of each group; a group's box is their weighted mean."""
    found = sorted(found, key=lambda item: -item[0])
    groups: list[list[tuple[float, int, NDArray[np.float32]]]] = []
    for item in found:
        leaders = np.array([group[0][2] for group in groups], np.float32).reshape(-1, 4)
        same = overlap(item[2], leaders)
        if len(same) and same.max() > _SAME_PERSON:
            groups[int(same.argmax())].append(item)
        else:
            groups.append([item])
    sure, scores, doubtful = [], [], []
    for group in groups:
        best = group[0][0]
        weights = np.array([score**4 for score, _, _ in group])
        box = (np.array([b for _, _, b in group]) * (weights / weights.sum())[:, None]).sum(axis=0)
        teachers = {teacher for _, teacher, _ in group}
        kept = np.array(sure, np.float32).reshape(-1, 4)
        # A weaker box that lies within a sure one is most often a part of that person.
        part = any(_inner_area(box, kept) > 0.85 * _area(box))
        verdict = _is_sure(best, len(teachers), box, moving)
        if verdict and not (part and best < 0.6):
            sure.append(box)
            scores.append(best)
        elif verdict is not None and not part:
            doubtful.append(box)
    return People(
        np.array(sure, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(doubtful, np.float32).reshape(-1, 4),
    )
