"""All pictures of one evaluation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.evaluation.frames import score_reliability
from vidcache.training.evaluation.result import Evaluation
from vidcache.training.metrics import Activation, said_labels
from vidcache.training.plots.confusion import draw_confusion
from vidcache.training.plots.precision_recall import draw_precision_recall
from vidcache.training.plots.reliability import draw_reliability
from vidcache.training.plots.timelines import draw_predictions

__all__ = ["draw_evaluation"]


def draw_evaluation(
    evaluation: Evaluation,
    scores: Sequence[NDArray[np.float32]],
    videos: Sequence[EncodedVideo],
    folder: Path,
    *,
    activation: Activation = "softmax",
) -> tuple[Path, ...]:
    """Draw everything that can be seen of an evaluation.

    Args:
        evaluation: The evaluation.
        scores: The scores that were judged, of each video, shape (T, K), delayed as they were
            for it.
        videos: The videos.
        folder: Where the pictures go.
        activation: Whether one label is said of a frame, or labels go side by side.

    Returns:
        The pictures: ``precision_recall.png``, ``confusion.png``, ``timelines.png`` and
        ``reliability.png``.

    Raises:
        SinkError: A picture cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    labels = [label.label for label in evaluation.labels]
    pairs = list(zip(scores, videos, strict=True))
    counted = np.concatenate([said[~video.ignore] for said, video in pairs])
    targets = np.concatenate([video.targets[~video.ignore] for _, video in pairs]) > 0
    paths = tuple(
        folder / f"{name}.png"
        for name in ("precision_recall", "confusion", "timelines", "reliability")
    )
    draw_precision_recall(counted, targets, labels, evaluation.threshold, paths[0])
    draw_confusion(evaluation.confusion, labels, paths[1])
    said = [said_labels(table, evaluation.threshold, activation) for table in scores]
    draw_predictions(
        videos, said, [video.accuracy for video in evaluation.videos], labels, paths[2]
    )
    draw_reliability(
        score_reliability(counted, targets, activation), evaluation.threshold, paths[3]
    )
    return paths
