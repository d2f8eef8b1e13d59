"""What is said about how good a model is."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

import numpy as np

from vidcache.training.metrics import StartMetrics

__all__ = ["OVERLAPS", "Evaluation", "LabelEvaluation", "VideoEvaluation"]

OVERLAPS = (0.1, 0.25, 0.5)
"""Least overlaps of the segmental F1 scores that are reported."""


@dataclass(frozen=True)
class LabelEvaluation:
    """How good one label is.

    Attributes:
        label: Its name.
        num_frames: Frames that show it.
        average_precision: Of its scores; NaN for the background, or if no frame shows it.
        calibrated_average_precision: The same, calibrated.
        precision: Part of the frames it was said of that show it; NaN if it was never said.
        recall: Part of the frames that show it that it was said of; NaN if there are none.
    """

    label: str
    num_frames: int
    average_precision: float
    calibrated_average_precision: float
    precision: float
    recall: float


@dataclass(frozen=True)
class VideoEvaluation:
    """How good one video is.

    Attributes:
        name: Its name.
        num_frames: Frames that counted.
        accuracy: Part of them whose best label is shown; NaN if none counted.
        edit: Its edit score; NaN if none counted, or where labels go side by side.
    """

    name: str
    num_frames: int
    accuracy: float
    edit: float


@dataclass(frozen=True)
class Evaluation:
    """How good a model is on labelled videos. Everything is from 0 to 1 but times and counts.

    Label 0 is the background: it is left out of the means, of segments and of starts.

    Attributes:
        num_videos: Videos.
        num_frames: Frames that counted.
        num_ignored: Frames that did not.
        delay: Frames, or seconds, by which scores were late.
        delay_unit: ``"frames"`` or ``"seconds"``.
        threshold: Score from which a label is said.
        mean_average_precision: Over the labels that some frame shows.
        mean_calibrated_average_precision: The same, calibrated.
        accuracy: Part of the frames whose best label is one of those shown.
        unsure: Part of the frames that nothing was said of.
        edit: Mean edit score of the videos; NaN where labels go side by side, which have no order.
        f1: Segmental F1 at each of :data:`OVERLAPS`, over all segments of all videos.
        starts: How well and how soon starts were detected, by what is said without delay.
        calibration_error: Expected calibration error of the scores.
        labels: Each label.
        videos: Each video.
        confusion: Frames by true label (rows) and best label (columns).
    """

    num_videos: int
    num_frames: int
    num_ignored: int
    delay: float
    delay_unit: Literal["frames", "seconds"]
    threshold: float
    mean_average_precision: float
    mean_calibrated_average_precision: float
    accuracy: float
    unsure: float
    edit: float
    f1: tuple[float, ...]
    starts: StartMetrics
    calibration_error: float
    labels: tuple[LabelEvaluation, ...]
    videos: tuple[VideoEvaluation, ...]
    confusion: tuple[tuple[int, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON; None stands for NaN."""
        return cast(dict[str, Any], _plain(asdict(self)))


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in cast(dict[object, object], value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in cast(Sequence[object], value)]
    return None if isinstance(value, float) and np.isnan(value) else value
