# pyright: basic
"""What detectors, trackers and pose estimators make of bodies: noise as theirs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcache.training.objects.views import ExactTrack

__all__ = ["NoisyTrack", "observe"]

_Floats = NDArray[np.float64]

# How much worse than a shoulder each keypoint is found: nose, eyes, ears, then left and right of
# shoulder, elbow, wrist, hip, knee, ankle.
_DIFFICULTY = np.array(
    [0.7] + [0.7] * 4 + [1.0] * 2 + [1.3] * 2 + [1.7] * 2 + [1.1] * 2 + [1.3] * 2 + [1.6] * 2
)
_LEFT = np.array([1, 3, 5, 7, 9, 11, 13, 15])
_LEGS, _ARMS = np.array([11, 13, 15]), np.array([5, 7, 9])


@dataclass(frozen=True, eq=False)
class NoisyTrack:
    """What a tracker and a pose estimator say of a body.

    Attributes:
        boxes_xyxy: Boxes in pixels, shape (T, 4).
        keypoints: x, y and a score, shape (T, 17, 3); NaN rows where there is no pose.
        detected: Where the detector finds the body at all, shape (T,).
    """

    boxes_xyxy: _Floats
    keypoints: _Floats
    detected: NDArray[np.bool_]


def observe(rng: np.random.Generator, track: ExactTrack) -> NoisyTrack:
    """Look at a body with an imperfect detector, tracker and pose estimator.

    Args:
        rng: Source of randomness.
        track: The body as it is.

    Returns:
        What is made of it. All sizes of noise are drawn for the track: some are seen well, some
        badly.
    """
    step = float(np.median(np.diff(track.seconds)))
    moved = _drift(rng, track, step)
    keypoints = track.keypoints_xy + moved[:, None]
    boxes = track.boxes_xyxy + np.tile(moved, 2)
    quality = rng.random()
    estimated = _estimate(rng, keypoints, boxes, track, quality, step)
    boxes = _detect(rng, boxes, track, step)
    _hide(rng, boxes, estimated, track)
    _cut(rng, boxes, estimated, track)
    if rng.random() < 0.5:
        boxes = _follow(boxes, float(rng.uniform(0.35, 0.9)))
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.02 * track.size)
    boxes = np.concatenate((boxes[:, :2], boxes[:, :2] + sides), 1)
    _drop(rng, estimated, quality)
    return NoisyTrack(boxes, estimated, _detected(rng, track, step))


def _drift(rng: np.random.Generator, track: ExactTrack, step: float) -> _Floats:
    """Scale the path and let it wander, so that speed is a hint and no measure."""
    hips = track.keypoints_xy[:, 11:13].mean(1)
    path = _smooth(hips, 0.5, step)
    scale = np.exp(rng.normal(0, 0.25)) if rng.random() < 0.7 else 1.0
    moved = (scale - 1) * (path - path[0])
    if rng.random() < 0.3:
        speed = rng.uniform(0.0, 0.06) * track.size
        noise = _correlated(rng, (len(path), 2), rng.uniform(0.3, 2.0), step)
        moved = moved + np.cumsum(noise * speed * step, 0)
    return moved


def _detect(rng: np.random.Generator, boxes: _Floats, track: ExactTrack, step: float) -> _Floats:
    """A detector's margins, the jitter of its edges, and edges that come and go slowly."""
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    margins = rng.normal(0.0, 0.03, 4) * sides * np.array([-1, -1, 1, 1])
    jitter = _log_uniform(rng, 0.002, 0.05) * track.size
    slow = _log_uniform(rng, 0.003, 0.08) * track.size
    weights = np.array([0.7, 0.6, 0.7, 1.2])
    noise = rng.normal(size=boxes.shape) * jitter
    noise += _correlated(rng, boxes.shape, rng.uniform(0.2, 1.0), step) * slow
    return boxes + margins + noise * weights


def _estimate(
    rng: np.random.Generator,
    keypoints: _Floats,
    boxes: _Floats,
    track: ExactTrack,
    quality: float,
    step: float,
) -> _Floats:
    """A pose estimator's keypoints with their scores."""
    count = len(keypoints)
    # Small figures are found worse, by pixels rather than by parts of their size.
    white = _log_uniform(rng, 0.003, 0.02) * (0.5 + 1.5 * quality)
    slow = _log_uniform(rng, 0.003, 0.02) * (0.5 + 1.5 * quality)
    noise = rng.normal(size=(count, 17, 2)) * white
    noise += _correlated(rng, (count, 17, 2), rng.uniform(0.15, 0.8), step) * slow
    noise += rng.normal(0, 0.012, (17, 2))
    found = keypoints + noise * _DIFFICULTY[:, None] * track.size
    if rng.random() < 0.5:
        # Weak estimators draw limbs towards the middle of the body and of what they were before.
        middle = found[:, 5:].mean(1, keepdims=True)
        found = middle + (found - middle) * np.array(
            [rng.uniform(0.75, 1.0), rng.uniform(0.9, 1.0)]
        )
        lag = _smooth(found.reshape(count, -1), rng.uniform(0.02, 0.12), step)
        found = lag.reshape(found.shape)
    scores = np.clip(0.95 - 0.35 * quality * rng.random((count, 17)) * _DIFFICULTY, 0, 1)
    away = track.facing < -0.15
    scores[:, :3] -= 0.7 * away[:, None] * rng.random()
    estimated = np.concatenate((found, scores[..., None]), 2)
    _swap_sides(rng, estimated, quality)
    return estimated


def _swap_sides(rng: np.random.Generator, estimated: _Floats, quality: float) -> None:
    """Take left for right: for moments, or the whole time when the back is taken for the front."""
    for part in (_LEGS, _ARMS, _LEFT):
        moments = rng.random(len(estimated)) < 0.12 * quality * rng.random()
        if rng.random() < 0.06:
            moments |= True
        chosen = np.flatnonzero(moments)[:, None]
        swapped = estimated[chosen, part + 1].copy()
        estimated[chosen, part + 1] = estimated[chosen, part]
        estimated[chosen, part] = swapped


def _hide(rng: np.random.Generator, boxes: _Floats, estimated: _Floats, track: ExactTrack) -> None:
    """Let something pass in front of the body for a while: of the legs, or of one side."""
    if rng.random() > 0.3:
        return
    length = rng.uniform(0.3, 3.0)
    start = rng.uniform(track.seconds[0] - length / 2, track.seconds[-1])
    during = np.flatnonzero((track.seconds >= start) & (track.seconds < start + length))
    if not len(during):
        return
    axis, low = (1, False) if rng.random() < 0.7 else (0, rng.random() < 0.5)
    near, far = boxes[during, axis], boxes[during, axis + 2]
    edge = far - (far - near) * rng.uniform(0.15, 0.6)
    if low:
        edge = near + far - edge
    places = estimated[during][..., axis]
    hidden = places < edge[:, None] if low else places > edge[:, None]
    _lose(rng, estimated, during, hidden, track.size)
    if rng.random() < 0.65:
        boxes[during, axis if low else axis + 2] = edge


def _cut(rng: np.random.Generator, boxes: _Floats, estimated: _Floats, track: ExactTrack) -> None:
    """Let the picture end within the body: above, below, or at a side."""
    if rng.random() > 0.25:
        return
    everything = np.arange(len(boxes))
    middle = boxes[int(rng.integers(len(boxes)))]
    kind = rng.random()
    if kind < 0.2:
        edge = middle[1] + (middle[3] - middle[1]) * rng.uniform(0.1, 0.5)
        outside = estimated[..., 1] < edge
        boxes[:, 1] = np.minimum(np.maximum(boxes[:, 1], edge), boxes[:, 3] - 0.02 * track.size)
    elif kind < 0.65:
        edge = middle[3] - (middle[3] - middle[1]) * rng.uniform(0.05, 0.55)
        outside = estimated[..., 1] > edge
        boxes[:, 3] = np.maximum(np.minimum(boxes[:, 3], edge), boxes[:, 1] + 0.02 * track.size)
    else:
        side = rng.random() < 0.5
        edge = middle[0] + (middle[2] - middle[0]) * rng.uniform(0.1, 0.9)
        outside = estimated[..., 0] < edge if side else estimated[..., 0] > edge
        if side:
            boxes[:, 0] = np.minimum(np.maximum(boxes[:, 0], edge), boxes[:, 2] - 0.02 * track.size)
        else:
            boxes[:, 2] = np.maximum(np.minimum(boxes[:, 2], edge), boxes[:, 0] + 0.02 * track.size)
    _lose(rng, estimated, everything, outside, track.size)


def _lose(
    rng: np.random.Generator,
    estimated: _Floats,
    moments: NDArray[np.int64],
    hidden: NDArray[np.bool_],
    size: float,
) -> None:
    """Give keypoints that are hidden a low score, or let them be guessed badly."""
    chosen = estimated[moments]
    guessed = rng.random() < 0.4
    wrong = rng.normal(0, 0.06 * size, chosen[..., :2].shape)
    if guessed:
        chosen[..., :2] += np.where(hidden[..., None], wrong, 0.0)
        chosen[..., 2] -= 0.3 * hidden * rng.random(hidden.shape)
    else:
        chosen[..., 2] = np.where(hidden, rng.uniform(0.0, 0.3, hidden.shape), chosen[..., 2])
    estimated[moments] = chosen


def _drop(rng: np.random.Generator, estimated: _Floats, quality: float) -> None:
    """Lose keypoints here and there, and whole poses."""
    lost = rng.random(estimated.shape[:2]) < 0.15 * quality * rng.random() * _DIFFICULTY
    estimated[..., 2] = np.where(lost, rng.uniform(0.0, 0.25, lost.shape), estimated[..., 2])
    estimated[rng.random(len(estimated)) < 0.2 * rng.random() * quality] = np.nan
    if rng.random() < 0.15:
        # A face or feet that an estimator never finds.
        estimated[:, rng.choice([0, 1, 2, 3, 4, 9, 10, 15, 16], 3), 2] = 0.05


def _detected(rng: np.random.Generator, track: ExactTrack, step: float) -> NDArray[np.bool_]:
    count = len(track.seconds)
    missing = rng.random(count) < rng.choice([0.0, 0.0, 0.02, 0.1, 0.3])
    if rng.random() < 0.15:
        start = int(rng.integers(count))
        missing[start : start + int(rng.uniform(0.2, 1.2) / step) + 1] = True
    return ~missing


def _follow(boxes: _Floats, trust: float) -> _Floats:
    """Smooth boxes as a tracker does that expects them to go on as they went."""
    followed = boxes.copy()
    velocity = np.zeros(4)
    for index in range(1, len(boxes)):
        expected = followed[index - 1] + velocity
        error = boxes[index] - expected
        followed[index] = expected + trust * error
        velocity = velocity + 0.35 * trust * trust * error
    return followed


def _smooth(values: _Floats, seconds: float, step: float) -> _Floats:
    keep = float(np.exp(-step / max(seconds, 1e-6)))
    weights = (1 - keep) * _decay(len(values), keep)
    weights[:, 0] = keep ** np.arange(len(values))
    return weights @ values


def _correlated(
    rng: np.random.Generator, shape: tuple[int, ...], seconds: float, step: float
) -> _Floats:
    """Return noise of unit size that keeps its value for about ``seconds``."""
    keep = float(np.exp(-step / seconds))
    weights = np.sqrt(1 - keep * keep) * _decay(shape[0], keep)
    weights[:, 0] = keep ** np.arange(shape[0])
    noise = rng.normal(size=(shape[0], int(np.prod(shape[1:]))))
    return (weights @ noise).reshape(shape)


def _decay(count: int, keep: float) -> _Floats:
    """How much of each value is left at each later time, shape (count, count)."""
    age = np.arange(count)[:, None] - np.arange(count)
    return np.where(age >= 0, keep ** np.maximum(age, 0), 0.0)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
