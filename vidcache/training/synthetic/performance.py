# pyright: basic
"""One figure's performance: actions one after another with blended changes between them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcache.training.synthetic.actions import ACTIONS, LABELS, Action, perform
from vidcache.training.synthetic.posing import slow_noise
from vidcache.training.synthetic.procedures import arm_posture
from vidcache.training.synthetic.rotations import (
    about,
    heading,
    multiply,
    power,
    rotate,
    slerp,
    yaw,
)
from vidcache.training.synthetic.skeleton import (
    JOINTS,
    Proportions,
    forward_kinematics,
    joint,
)

__all__ = ["Performance", "Tempo", "make_performance"]

_Floats = NDArray[np.float64]

_RATE = 30.0

# Ticks that every performance goes on beyond its end, to blend out of.
_TAIL = 15


@dataclass(frozen=True)
class Tempo:
    """How fast and how faithfully actions are performed.

    Attributes:
        speed: Range of the factor of speed.
        size: Range of the factor of the joints' angles.
        noise: Range of the slow random movement added to the joints, in radians.
    """

    speed: tuple[float, float]
    size: tuple[float, float]
    noise: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Performance:
    """Where one body's keypoints are over time, and what it is doing.

    Attributes:
        points: Keypoints, shape (T, 18, 3), metres, 30 a second.
        labels: Index into `LABELS` at each of these times, shape (T,).
        headings: Direction in which the body faces, radians, shape (T,).
    """

    points: _Floats
    labels: NDArray[np.int64]
    headings: _Floats

    def at(self, seconds: float) -> tuple[_Floats, int]:
        """Return the keypoints (18, 3) and the label at one time."""
        place = min(max(seconds * _RATE, 0.0), len(self.points) - 1.001)
        index = int(place)
        part = place - index
        points = self.points[index] * (1 - part) + self.points[index + 1] * part
        return points, int(self.labels[round(place)])


@dataclass
class _Stage:
    """What has been performed so far, and where."""

    positions: _Floats
    rotations: _Floats
    labels: NDArray[np.int64]


def make_performance(
    rng: np.random.Generator,
    seconds: float,
    proportions: Proportions,
    tempo: Tempo,
    *,
    script: tuple[str, ...] | None = None,
    start: tuple[float, float] | None = None,
    actions: Mapping[str, Action] = ACTIONS,
) -> Performance:
    """Perform random or given actions one after another.

    Args:
        rng: Source of randomness.
        seconds: Length of the performance.
        proportions: The body.
        tempo: Speed, size and noise of the movements.
        script: Labels to perform in this order; chosen at random where it ends or is None.
        start: Place on the floor (x, z) in metres to begin at, walking in towards (0, 0);
            None begins at (0, 0).
        actions: How each label is performed.

    Returns:
        A performance at least ``seconds`` long. The figure strays only so far from (0, 0) that
        it turns back with its next walk.
    """
    stage: _Stage | None = None
    pending = list(script or ())
    if start is not None and not pending:
        pending = [str(rng.choice(["walk", "walk", "run"]))]
    offset = np.array([start[0], 0.0, start[1]]) if start else np.zeros(3)
    # The first moments are played before the clip begins: it opens in the midst of an action.
    skipped = 0.0 if (script or start is not None) else float(rng.uniform(0.0, 2.0))
    while stage is None or len(stage.labels) < (seconds + skipped) * _RATE + 2:
        previous = LABELS[stage.labels[-1]] if stage is not None else None
        label = pending.pop(0) if pending else _next_label(rng, previous)
        stage = _append(rng, stage, (label, actions[label]), tempo, offset)
    first = int(skipped * _RATE)
    positions, rotations = stage.positions[first:], stage.rotations[first:]
    rotations = _personal(rng, rotations, tempo)
    points = _grounded(positions, rotations, stage, first, proportions)
    return Performance(points, stage.labels[first:], heading(rotations[:, 0]))


def _next_label(rng: np.random.Generator, previous: str | None) -> str:
    if previous == "lie":
        return str(rng.choice(["get up", "get up", "crawl"]))
    if previous == "crawl":
        return str(rng.choice(["lie", "crouch", "stand"]))
    if previous not in (None, "stand") and rng.random() < 0.3:
        return "stand"
    # "get up" follows "lie" alone, so "lie" is drawn for both.
    drawn = [name for name in ACTIONS if name not in ("get up", previous)]
    weights = np.array([2.0 if name in ("walk", "lie") else 1.0 for name in drawn])
    return str(rng.choice(drawn, p=weights / weights.sum()))


def _append(
    rng: np.random.Generator,
    stage: _Stage | None,
    performed: tuple[str, Action],
    tempo: Tempo,
    offset: _Floats,
) -> _Stage:
    label, action = performed
    blend = action.blend_seconds * rng.uniform(0.8, 1.8)
    speed = rng.uniform(*tempo.speed)
    length = rng.uniform(*action.seconds) if action.seconds else 0.0
    motion = perform(rng, action, (length + blend + 0.6) * speed)
    if rng.random() < 0.5:
        motion = motion.mirrored()
    first = rng.uniform(0, motion.duration) if motion.loops and action.seconds else 0.0
    if not action.seconds:
        first = rng.uniform(0.0, 0.06) * motion.duration
        length = (motion.duration * rng.uniform(0.95, 1.0) - first) / speed
    # Half a second more than is shown: the next change blends out of it.
    times = np.arange(int((length + blend + 0.5) * _RATE) + 2) / _RATE
    warp = 0.06 * (slow_noise(rng, times, 0.4)[:, 0])
    played = first + np.maximum(np.maximum.accumulate(times * speed + warp - warp[0]), 0.0)
    positions, rotations = motion.sample(played)
    if label in ("walk", "run") and rng.random() < 0.35:
        arm_posture(rng, times, rotations)
    positions, rotations = _placed(rng, stage, positions, rotations, action.travels, offset)
    labels = np.full(len(times), LABELS.index(label))
    if stage is None:
        return _Stage(positions, rotations, labels)
    return _joined(stage, _Stage(positions, rotations, labels), int(blend * _RATE) + 1)


def _placed(
    rng: np.random.Generator,
    stage: _Stage | None,
    positions: _Floats,
    rotations: _Floats,
    travels: bool,
    offset: _Floats,
) -> tuple[_Floats, _Floats]:
    """Turn and move a performance so that it goes on from where the figure is."""
    place = stage.positions[-_TAIL] * np.array([1.0, 0.0, 1.0]) if stage else offset
    facing = float(heading(stage.rotations[-_TAIL, 0])) if stage else rng.uniform(-np.pi, np.pi)
    distance = float(np.linalg.norm(place))
    if travels and distance > 1.2:
        # A body heads along (cos a, 0, -sin a).
        facing = float(np.arctan2(place[2], -place[0]) + rng.normal(0, 0.35))
    elif travels or rng.random() < 0.3:
        facing += rng.normal(0, 0.7)
    turn = yaw(facing - float(heading(rotations[0, 0])))
    level = np.array([1.0, 0.0, 1.0])
    moved = rotate(turn, positions - positions[0] * level) + place
    turned = rotations.copy()
    turned[:, 0] = multiply(turn, rotations[:, 0])
    return moved, turned


def _joined(stage: _Stage, following: _Stage, blend: int) -> _Stage:
    """Blend two performances: over ``blend`` ticks the first gives way to the second."""
    blend = min(blend, len(following.labels) - _TAIL - 1)
    kept = len(stage.labels) - _TAIL
    # Beyond its tail the first performance stands still.
    after = np.minimum(np.arange(kept, kept + blend), len(stage.labels) - 1)
    weight = np.linspace(0.0, 1.0, blend + 2)[1:-1]
    weight = weight * weight * (3 - 2 * weight)
    positions = stage.positions[after] * (1 - weight[:, None])
    positions += following.positions[:blend] * weight[:, None]
    rotations = slerp(stage.rotations[after], following.rotations[:blend], weight[:, None])
    labels = np.where(weight < 0.5, stage.labels[-1], following.labels[0])
    return _Stage(
        np.concatenate((stage.positions[:kept], positions, following.positions[blend:])),
        np.concatenate((stage.rotations[:kept], rotations, following.rotations[blend:])),
        np.concatenate((stage.labels[:kept], labels, following.labels[blend:])),
    )


def _personal(rng: np.random.Generator, rotations: _Floats, tempo: Tempo) -> _Floats:
    """Change the joints' angles by a person's size of movement, posture and slow noise."""
    times = np.arange(len(rotations)) / _RATE
    size = rng.uniform(*tempo.size, len(JOINTS) - 1)
    changed = rotations.copy()
    changed[:, 1:] = power(rotations[:, 1:], size)
    noise = rng.uniform(*tempo.noise)
    for index in range(1, len(JOINTS)):
        curves = slow_noise(rng, times, 0.7, 3) * noise + rng.normal(0, 0.04, 3)
        if index in (joint("right_knee"), joint("left_knee")):
            curves[:, :2] = 0.0
        wobble = multiply(
            multiply(about("x", curves[:, 0]), about("y", curves[:, 1])),
            about("z", curves[:, 2]),
        )
        changed[:, index] = multiply(changed[:, index], wobble)
    return changed


def _grounded(
    positions: _Floats, rotations: _Floats, stage: _Stage, first: int, proportions: Proportions
) -> _Floats:
    """Keep every body as high above the floor as the performer was, at its own stature."""
    performer = forward_kinematics(stage.positions[first:], stage.rotations[first:])
    clearance = np.maximum(performer[:, :, 1].min(1), 0.0) * proportions.stature
    points = forward_kinematics(positions, rotations, proportions)
    points[:, :, 1] += (clearance - points[:, :, 1].min(1))[:, None]
    return points
