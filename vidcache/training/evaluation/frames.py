"""How good a model is on labelled videos: every measure of the field, streamed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import InputError
from vidcache.model import ActionModel
from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.evaluation.result import (
    OVERLAPS,
    Evaluation,
    LabelEvaluation,
    VideoEvaluation,
)
from vidcache.training.evaluation.streaming import delayed_scores, stream_scores
from vidcache.training.metrics import (
    Activation,
    DetectedStart,
    FrameMetrics,
    Reliability,
    SegmentCounts,
    StartMetrics,
    confusion_matrix,
    detect_starts,
    edit_score,
    frame_accuracy,
    frame_metrics,
    reliability,
    said_labels,
    segment_counts,
    shown_labels,
    start_metrics,
    true_starts,
)

__all__ = ["Evaluation", "evaluate", "judge", "score_reliability"]


def evaluate(
    model: ActionModel,
    videos: Sequence[EncodedVideo],
    *,
    delay: int = 0,
    delay_seconds: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Judge a model by what it says in a stream, frame by frame.

    Args:
        model: The model.
        videos: The videos, with targets for the model's labels.
        delay: Frames by which scores may be late: what is said at frame t + ``delay`` judges
            frame t; see :func:`~vidcache.training.evaluation.streaming.delay_scores`.
        delay_seconds: The same in seconds, instead.
        progress: Called with the number of frames after each step.

    Returns:
        The evaluation.

    Raises:
        InputError: There is no video, one does not fit the model, a delay is negative, or both
            delays are given.

    Example:
        >>> import numpy as np
        >>> from vidcache import ActionModel
        >>> from vidcache.training.encoded_video import EncodedVideo
        >>> model = ActionModel.load("tiny")
        >>> config, count = model.config, 4
        >>> video = EncodedVideo(
        ...     "nobody", np.zeros((count, config.num_tokens, model.encoder.num_features), "f4"),
        ...     np.arange(count) / 10, np.eye(len(model.labels), dtype="f4")[[0] * count],
        ...     np.zeros(count, bool))
        >>> evaluate(model, [video]).num_frames
        4
    """
    scores = stream_scores(model, videos, progress=progress)
    return judge(
        scores,
        videos,
        model.labels,
        threshold=model.threshold,
        activation=model.config.activation,
        delay=delay,
        delay_seconds=delay_seconds,
    )


def judge(
    scores: Sequence[NDArray[np.float32]],
    videos: Sequence[EncodedVideo],
    labels: Sequence[str],
    *,
    threshold: float = 0.0,
    activation: Activation = "softmax",
    delay: int = 0,
    delay_seconds: float | None = None,
) -> Evaluation:
    """Judge scores of videos, wherever they come from.

    Args:
        scores: Probabilities of each video as they were said, shape (T, K).
        videos: The videos, with their targets.
        labels: Names of the labels; the first is the background.
        threshold: Score from which a label is said.
        activation: Whether one label is said of a frame, or labels go side by side.
        delay: Frames by which scores may be late.
        delay_seconds: The same in seconds, instead.

    Returns:
        The evaluation.

    Raises:
        InputError: The shapes do not fit, no frame counts, a delay is negative, or both delays
            are given.
    """
    _require_fit(scores, videos, labels)
    late = delayed_scores(scores, videos, delay=delay, delay_seconds=delay_seconds)
    judged = [
        _Judged(video.name, said[~video.ignore], video.targets[~video.ignore] > 0)
        for said, video in zip(late, videos, strict=True)
    ]
    counted = [video for video in judged if len(video.scores)]
    if not counted:
        raise InputError("every frame of every video is ignored: there is nothing to judge")
    all_scores = np.concatenate([video.scores for video in counted])
    targets = np.concatenate([video.targets for video in counted])
    said = said_labels(all_scores, threshold, activation)
    frames = frame_metrics(all_scores, targets)
    edits = [_edit(video, activation) for video in judged]
    return Evaluation(
        num_videos=len(videos),
        num_frames=frames.num_frames,
        num_ignored=sum(int(video.ignore.sum()) for video in videos),
        delay=delay if delay_seconds is None else delay_seconds,
        delay_unit="frames" if delay_seconds is None else "seconds",
        threshold=threshold,
        mean_average_precision=frames.mean_average_precision,
        mean_calibrated_average_precision=frames.mean_calibrated_precision,
        accuracy=frames.accuracy,
        unsure=float((~said.any(axis=1)).mean()),
        edit=_mean(edits),
        f1=tuple(
            reduce(add, [_counts(video, overlap, threshold, activation) for video in counted]).f1
            for overlap in OVERLAPS
        ),
        starts=_starts(scores, videos, threshold, activation),
        calibration_error=score_reliability(all_scores, targets, activation).error,
        labels=_label_evaluations(labels, frames, said, targets),
        videos=tuple(
            VideoEvaluation(
                video.name,
                len(video.scores),
                frame_accuracy(video.scores, video.targets) if len(video.scores) else float("nan"),
                edit,
            )
            for video, edit in zip(judged, edits, strict=True)
        ),
        confusion=tuple(
            tuple(row) for row in confusion_matrix(all_scores.argmax(axis=1), targets).tolist()
        ),
    )


def score_reliability(
    scores: NDArray[np.float32], targets: NDArray[np.bool_], activation: Activation = "softmax"
) -> Reliability:
    """Compare scores with how often they were right.

    Args:
        scores: Probabilities, shape (T, K).
        targets: Which labels each frame shows, shape (T, K).
        activation: Where one label is said of a frame, the best scores are compared; where labels
            go side by side, all of them.

    Returns:
        The comparison.

    Raises:
        InputError: The shapes differ, there is no frame, or scores are no probabilities.
    """
    if activation == "sigmoid":
        return reliability(scores.ravel(), targets.ravel())
    frames, best = np.arange(len(scores)), scores.argmax(axis=1)
    return reliability(scores[frames, best], targets[frames, best])


@dataclass(frozen=True, eq=False)
class _Judged:
    """The frames of a video that count."""

    name: str
    scores: NDArray[np.float32]
    targets: NDArray[np.bool_]


def _edit(video: _Judged, activation: Activation) -> float:
    if not len(video.scores) or activation == "sigmoid":
        return float("nan")
    return edit_score(video.scores.argmax(axis=1), shown_labels(video.targets), background=0)


def _counts(
    video: _Judged, overlap: float, threshold: float, activation: Activation
) -> SegmentCounts:
    if activation == "softmax":
        said = video.scores.argmax(axis=1)
        return segment_counts(said, shown_labels(video.targets), overlap, background=0)
    # Labels that go side by side have a sequence of segments each.
    table = said_labels(video.scores, threshold, activation)
    return reduce(
        add,
        [
            segment_counts(table[:, label], video.targets[:, label], overlap, background=False)
            for label in range(1, table.shape[1])
        ],
        SegmentCounts(),
    )


def _starts(
    scores: Sequence[NDArray[np.float32]],
    videos: Sequence[EncodedVideo],
    threshold: float,
    activation: Activation,
) -> StartMetrics:
    detected: list[list[DetectedStart]] = []
    truth: list[list[DetectedStart]] = []
    for said, video in zip(scores, videos, strict=True):
        ignored = set(video.seconds[video.ignore].tolist())
        shown = said_labels(said, threshold, activation)
        both = (
            detect_starts(said, shown, video.seconds),
            true_starts(video.targets > 0, video.seconds),
        )
        for found, starts in zip((detected, truth), both, strict=True):
            found.append([start for start in starts if start.seconds not in ignored])
    return start_metrics(detected, truth)


def _label_evaluations(
    labels: Sequence[str],
    frames: FrameMetrics,
    said: NDArray[np.bool_],
    targets: NDArray[np.bool_],
) -> tuple[LabelEvaluation, ...]:
    right = np.count_nonzero(said & targets, axis=0).tolist()
    times_said = np.count_nonzero(said, axis=0).tolist()
    return tuple(
        LabelEvaluation(
            label,
            frames.num_positives[number],
            frames.average_precisions[number],
            frames.calibrated_precisions[number],
            right[number] / (times_said[number] or float("nan")),
            right[number] / (frames.num_positives[number] or float("nan")),
        )
        for number, label in enumerate(labels)
    )


def _require_fit(
    scores: Sequence[NDArray[np.float32]], videos: Sequence[EncodedVideo], labels: Sequence[str]
) -> None:
    if not videos or len(scores) != len(videos):
        raise InputError(
            f"scores of {len(scores)} videos for {len(videos)} videos: give one table of scores a "
            "video, and at least one"
        )
    for said, video in zip(scores, videos, strict=True):
        wanted = (len(video), len(labels))
        if said.shape != wanted or video.targets.shape != wanted:
            raise InputError(
                f"the video {video.name!r} has scores of shape {said.shape} and targets of shape "
                f"{video.targets.shape}: expected {wanted[0]} frames of {wanted[1]} labels"
            )


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
