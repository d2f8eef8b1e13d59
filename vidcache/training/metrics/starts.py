"""How well and how soon the starts of actions are detected.

A start is detected at the frame where a label begins to be shown. It is right if it is close
enough to a true start of that label that nothing else has been counted for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidcache.errors import InputError
from vidcache.training.metrics.checked_arrays import checked_table, checked_targets
from vidcache.training.metrics.precision_recall import precision_recall_curve

__all__ = ["DetectedStart", "StartMetrics", "detect_starts", "start_metrics", "true_starts"]

_OFFSETS = tuple(float(seconds) for seconds in range(1, 11))


@dataclass(frozen=True)
class DetectedStart:
    """A moment at which a label begins to be shown.

    Attributes:
        label: Number of the label.
        seconds: When, in the time of the video.
        score: How sure it is; 1 for a true start.
    """

    label: int
    seconds: float
    score: float = 1.0


@dataclass(frozen=True)
class StartMetrics:
    """How well and how soon starts are detected.

    Attributes:
        offsets: How far from a true start a detection may be, seconds.
        average_precisions: Point-level average precision at each offset, the mean over the labels
            with a true start; NaN if there is none.
        mean_average_precision: Their mean.
        mean_latency: Seconds from the true to the detected start, the mean over the starts found
            at the largest offset; negative where it came too early, NaN if none was found.
        recall: Part of the true starts that were found at the largest offset.
        num_starts: True starts.
        num_detected: Detected starts.
    """

    offsets: tuple[float, ...]
    average_precisions: tuple[float, ...]
    mean_average_precision: float
    mean_latency: float
    recall: float
    num_starts: int
    num_detected: int


def detect_starts(
    scores: ArrayLike, said: ArrayLike, seconds: ArrayLike, background: int | None = 0
) -> tuple[DetectedStart, ...]:
    """Return the starts in what is said of one video, as a stream would report them.

    Args:
        scores: Probabilities of the video's frames, shape (T, K).
        said: 1 for each label said of a frame, else 0, shape (T, K); see
            :func:`~vidcache.training.metrics.said_labels`.
        seconds: Times of the frames, not decreasing, shape (T,).
        background: Number of the label that never starts; None if every label may.

    Returns:
        One for each label of a frame that was not said of the frame before, in order; its score is
        that of the label in this frame.

    Raises:
        InputError: A shape does not fit, there is no frame, or a score is NaN.

    Example:
        >>> scores = [[0.9, 0.1], [0.2, 0.8], [0.1, 0.9]]
        >>> detect_starts(scores, [[1, 0], [0, 1], [0, 1]], [0.0, 0.5, 1.0])
        (DetectedStart(label=1, seconds=0.5, score=0.8),)

    Source: the criterion of Gao et al. 2019, "StartNet".
    """
    numbers, shown = checked_table(scores, said)
    times = _checked_times(seconds, len(numbers))
    return tuple(
        DetectedStart(int(label), float(times[frame]), float(numbers[frame, label]))
        for frame, label in np.argwhere(_begins(shown))
        if label != background
    )


def true_starts(
    targets: ArrayLike, seconds: ArrayLike, background: int | None = 0
) -> tuple[DetectedStart, ...]:
    """Return the starts of the labels that a video's frames show.

    Args:
        targets: 1 for each label that a frame shows, else 0, shape (T, K).
        seconds: Times of the frames, not decreasing, shape (T,).
        background: Number of the label that never starts; None if every label may.

    Returns:
        One for each frame that shows a label which the frame before did not, in order.

    Raises:
        InputError: A shape does not fit, there is no frame, or a target is not 0 or 1.
    """
    return detect_starts(checked_targets(targets), targets, seconds, background)


def start_metrics(
    detected: Sequence[Sequence[DetectedStart]],
    truth: Sequence[Sequence[DetectedStart]],
    offsets: Sequence[float] = _OFFSETS,
) -> StartMetrics:
    """Judge the starts that were detected in videos.

    The detections of a label in all videos, the surest first, each take the nearest true start
    of the label in their video that is no further than the offset and not yet taken; one that
    finds none is wrong, so a start that is reported twice is right once. Detections of equal
    score take in the order of time and enter the precision together.

    Args:
        detected: The detected starts of each video.
        truth: The true starts of each video.
        offsets: How far from a true start a detection may be, seconds, each above 0.

    Returns:
        The metrics.

    Raises:
        InputError: The numbers of videos differ, there is none, or the offsets are empty or not
            positive.

    Example:
        >>> said = [[DetectedStart(1, 4.5, 0.9), DetectedStart(1, 9.0, 0.4)]]
        >>> metrics = start_metrics(said, [[DetectedStart(1, 4.0)]], offsets=[1.0])
        >>> metrics.mean_average_precision, metrics.mean_latency
        (1.0, 0.5)

    Source: Shou et al. 2018, "Online Detection of Action Start in Untrimmed, Streaming Videos".
    """
    if len(detected) != len(truth) or not truth:
        raise InputError(
            f"detected starts of {len(detected)} videos and true ones of {len(truth)}: "
            "give both for the same videos, at least one"
        )
    if not offsets or min(offsets) <= 0:
        raise InputError(f"offsets are {list(offsets)}: give at least one, in seconds above 0")
    labels = sorted({start.label for starts in truth for start in starts})
    precisions = [
        _mean([_precision(_match(label, detected, truth, offset)) for label in labels])
        for offset in offsets
    ]
    widest = [_match(label, detected, truth, max(offsets)) for label in labels]
    latencies = [latency for match in widest for latency in match.latencies if latency is not None]
    num_starts = sum(map(len, truth))
    return StartMetrics(
        tuple(float(offset) for offset in offsets),
        tuple(precisions),
        _mean(precisions),
        _mean(latencies),
        len(latencies) / num_starts if num_starts else float("nan"),
        num_starts,
        sum(map(len, detected)),
    )


@dataclass(frozen=True)
class _Match:
    """The detections of one label, the surest first; None instead of a latency is a wrong one."""

    scores: list[float]
    latencies: list[float | None]
    num_starts: int


def _match(
    label: int,
    detected: Sequence[Sequence[DetectedStart]],
    truth: Sequence[Sequence[DetectedStart]],
    offset: float,
) -> _Match:
    free = [[start.seconds for start in starts if start.label == label] for starts in truth]
    num_starts = sum(map(len, free))
    claims = [
        (start, video)
        for video, starts in enumerate(detected)
        for start in starts
        if start.label == label
    ]
    claims.sort(key=lambda claim: (-claim[0].score, claim[0].seconds, claim[1]))
    latencies: list[float | None] = []
    for claim, video in claims:
        nearest = min(free[video], key=lambda start: abs(claim.seconds - start), default=None)
        if nearest is None or abs(claim.seconds - nearest) > offset:
            latencies.append(None)
            continue
        free[video].remove(nearest)
        latencies.append(claim.seconds - nearest)
    return _Match([claim.score for claim, _ in claims], latencies, num_starts)


def _precision(match: _Match) -> float:
    if not match.scores:
        return 0.0
    right = [latency is not None for latency in match.latencies]
    curve = precision_recall_curve(match.scores, right)
    # Starts that nothing was said of count as missed at every threshold.
    return replace(curve, num_positives=match.num_starts).area()


def _begins(shown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    before = np.concatenate([np.zeros_like(shown[:1]), shown[:-1]])
    return shown & ~before


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _checked_times(seconds: ArrayLike, num_frames: int) -> NDArray[np.float64]:
    times = np.asarray(seconds, dtype=np.float64)
    if times.shape != (num_frames,) or not (np.diff(times) >= 0).all():
        raise InputError(
            f"seconds of shape {times.shape} for {num_frames} frames: "
            "give one time a frame, none earlier than the one before"
        )
    return times
