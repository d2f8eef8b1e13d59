# pyright: basic
"""What bodies do for the training of per-person actions: places of COCO keypoints in space."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcache.training.synthetic import LABELS
from vidcache.training.synthetic.everyday import EVERYDAY
from vidcache.training.synthetic.performance import make_performance
from vidcache.training.synthetic.skeleton import Proportions, joint
from vidcache.training.synthetic.splits import SplitName, split_of

__all__ = [
    "IGNORED",
    "OBJECT_LABELS",
    "RATE",
    "BodyPerformance",
    "coco_keypoints",
    "draw_performance",
    "object_label",
]

_Floats = NDArray[np.float64]

OBJECT_LABELS: tuple[str, ...] = ("stand", "walk", "run", "low", "jumping jacks", "wave")
"""What the bundled model says of a person."""

IGNORED = -1
"""Label of moments that do not count: between two actions, or in one that has no label."""

RATE = 30.0
"""Times a second at which performances are known."""

_LOW = ("crouch", "lie", "get up", "crawl", "roll")
# People stand about as long as they walk: a model that saw less of it would call stops walking.
_STARTS = {
    "stand": 8.0,
    "walk": 3.5,
    "run": 1.2,
    "jumping jacks": 1.5,
    "wave": 1.5,
    "crouch": 0.9,
    "lie": 0.4,
    "crawl": 0.3,
    "jump": 0.3,
    "kick": 0.15,
    "dance": 0.15,
    "roll": 0.2,
}
# People who walk stop again and again, and go on.
_STOPS = {"walk": "stand", "stand": "walk"}
# A moment this near to a change of the label belongs to neither.
_CHANGE_SECONDS = 0.15
_LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_LIMB_POINTS = [joint(f"{side}_{limb}") for limb in _LIMBS for side in ("left", "right")]


@dataclass(frozen=True, eq=False)
class BodyPerformance:
    """One body over time.

    Attributes:
        keypoints: Places of the 17 keypoints in COCO's order, metres, y up, shape (T, 17, 3),
            `RATE` a second.
        outline: Places of further points that a box must hold, shape (T, P, 3).
        labels: Index into `OBJECT_LABELS`, or `IGNORED`, shape (T,).
        stature: The body's height when upright, metres.
    """

    keypoints: NDArray[np.float32]
    outline: NDArray[np.float32]
    labels: NDArray[np.int64]
    stature: float


def draw_performance(
    rng: np.random.Generator, seconds: float, split: SplitName = "train"
) -> BodyPerformance:
    """Draw a body and let it do a few things one after another.

    Args:
        rng: Source of randomness.
        seconds: Length of the performance.
        split: Split of the streams from which body and tempo come.

    Example:
        >>> performance = draw_performance(np.random.default_rng(0), 2.0)
        >>> performance.keypoints.shape[1:]
        (17, 3)
    """
    ranges = split_of(split)
    low, high = ranges.limbs
    limbs = {
        name: rng.uniform(low, high) for name in ("legs", "arms", "trunk", "shoulders", "hips")
    }
    body = Proportions(stature=ranges.pick(rng, ranges.statures), **limbs)
    skipped = float(rng.uniform(0.0, 1.5))
    acted = make_performance(
        rng,
        seconds + skipped,
        body,
        ranges.tempo,
        script=_script(rng),
        actions=EVERYDAY,
    )
    shown = slice(int(skipped * RATE), int((skipped + seconds) * RATE) + 1)
    points = acted.points[shown]
    keypoints = coco_keypoints(points)
    outline = _outline(points, keypoints)
    labels = np.array([object_label(LABELS[label]) for label in acted.labels[shown]])
    return BodyPerformance(
        keypoints.astype(np.float32),
        outline.astype(np.float32),
        _without_changes(labels),
        1.65 * body.stature,
    )


def object_label(label: str) -> int:
    """Return the index into `OBJECT_LABELS` of a label of the streams, or `IGNORED`.

    Example:
        >>> OBJECT_LABELS[object_label("crawl")], object_label("kick")
        ('low', -1)
    """
    name = "low" if label in _LOW else label
    return OBJECT_LABELS.index(name) if name in OBJECT_LABELS else IGNORED


def coco_keypoints(points: _Floats) -> _Floats:
    """Turn the skeleton's keypoints into those of COCO, with a face.

    Args:
        points: Keypoints of the skeleton, shape (T, 18, 3), metres.

    Returns:
        Shape (T, 17, 3).
    """
    up, right, front, head = _head_axes(points)
    face = [
        head + 0.1 * front - 0.01 * up,
        *(head + 0.085 * front + 0.03 * up + side * 0.033 * right for side in (-1, 1)),
        *(head + side * 0.075 * right for side in (-1, 1)),
    ]
    return np.concatenate((np.stack(face, 1), points[:, _LIMB_POINTS]), 1)


def _head_axes(points: _Floats) -> tuple[_Floats, _Floats, _Floats, _Floats]:
    head, neck = points[:, joint("head")], points[:, joint("neck")]
    up = _unit(head - neck)
    across = points[:, joint("right_shoulder")] - points[:, joint("left_shoulder")]
    front = _unit(np.cross(up, across))
    return up, np.cross(front, up), front, head


def _outline(points: _Floats, keypoints: _Floats) -> _Floats:
    """Crown, fingertips, toes, and the thickness of hips and shoulders."""
    up, _, _, head = _head_axes(points)
    hands = [
        points[:, joint(f"{side}_wrist")] * 1.5 - points[:, joint(f"{side}_elbow")] * 0.5
        for side in ("left", "right")
    ]
    toes = [points[:, joint(f"{side}_toe")] for side in ("left", "right")]
    wide = [
        points[:, joint(f"{side}_{limb}")] * 1.3 - points[:, joint(f"{other}_{limb}")] * 0.3
        for limb in ("hip", "shoulder")
        for side, other in (("left", "right"), ("right", "left"))
    ]
    return np.stack([head + 0.14 * up, *hands, *toes, *wide], 1)


def _unit(vectors: _Floats) -> _Floats:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)


def _script(rng: np.random.Generator) -> tuple[str, ...]:
    names, weights = list(_STARTS), np.array(list(_STARTS.values()))
    script: list[str] = []
    while len(script) < 12:
        name = str(rng.choice(names, p=weights / weights.sum()))
        if script and script[-1] in _STOPS and rng.random() < 0.4:
            name = _STOPS[script[-1]]
        if script and name == script[-1]:
            continue
        if script and script[-1] == "lie":
            # Nobody rises from the floor as if drawn by strings.
            name = "get up"
        if name == "crawl" and (not script or script[-1] not in ("lie", "crouch")):
            script.append("crouch")
        script.append(name)
        if script[-1] == "crawl":
            script.append("crouch")
    return tuple(script)


def _without_changes(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    changes = np.flatnonzero(np.diff(labels)) + 1
    distance = np.abs(np.arange(len(labels))[:, None] - changes - 0.5)
    near = distance.min(1, initial=np.inf) <= _CHANGE_SECONDS * RATE
    return np.where(near, IGNORED, labels)
