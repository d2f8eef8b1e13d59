# pyright: basic
"""How good a model of people's actions is on tracks that it has not learnt from."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vidcache.model.object_model import ObjectActionModel
from vidcache.training.learning.calibration import fit_temperature
from vidcache.training.metrics import average_precision
from vidcache.training.objects.performances import IGNORED
from vidcache.training.objects.tracks import TrackBatch
from vidcache.training.objects.trainer import track_logits

__all__ = ["TrackJudgement", "calibrate", "judge"]


@dataclass(frozen=True, eq=False)
class TrackJudgement:
    """How good a model is.

    Attributes:
        num_frames: Observations that counted.
        accuracy: Part of them whose best label is the right one; NaN without any.
        average_precisions: Of each label, shape (K,); NaN for those that were not shown.
    """

    num_frames: int
    accuracy: float
    average_precisions: NDArray[np.float64]

    @property
    def mean_average_precision(self) -> float:
        """Mean over the labels that were shown; NaN if none was."""
        known = self.average_precisions[~np.isnan(self.average_precisions)]
        return float(known.mean()) if len(known) else float("nan")


def judge(model: ObjectActionModel, batches: Iterable[TrackBatch]) -> TrackJudgement:
    """Judge a model.

    Args:
        model: The model.
        batches: Tracks that it has not learnt from.
    """
    logits, labels = _told(model, batches)
    scores = (logits / model.temperature).softmax(-1).numpy()
    truth = labels.numpy()
    each = [
        average_precision(scores[:, number], truth == number) if len(truth) else np.nan
        for number in range(len(model.labels))
    ]
    accuracy = float((scores.argmax(1) == truth).mean()) if len(truth) else float("nan")
    return TrackJudgement(len(truth), accuracy, np.array(each))


def calibrate(model: ObjectActionModel, batches: Iterable[TrackBatch]) -> None:
    """Choose the temperature with which a model's scores hold.

    Args:
        model: The model; without an observation that counts it stays as it is.
        batches: Tracks that it has not learnt from.
    """
    logits, labels = _told(model, batches)
    if len(labels):
        targets = torch.nn.functional.one_hot(labels, logits.shape[1]).float()
        model.adjust(temperature=round(fit_temperature(logits, targets), 3))


@torch.no_grad()
def _told(model: ObjectActionModel, batches: Iterable[TrackBatch]) -> tuple[Tensor, Tensor]:
    """What the last pass says where a label is known: logits (n, K) and labels (n,)."""
    logits, labels = [torch.empty(0, len(model.labels))], [torch.empty(0, dtype=torch.long)]
    for batch in batches:
        passes = track_logits(model, batch.values, batch.present, batch.seconds)
        counted = batch.labels != IGNORED
        logits.append(passes[-1].float()[counted])
        labels.append(batch.labels[counted])
    return torch.cat(logits), torch.cat(labels)
