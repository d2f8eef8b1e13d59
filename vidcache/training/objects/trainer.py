# pyright: basic
"""Trains the small networks of the sources and the camera head of per-person actions together."""

import time
from collections.abc import Callable, Iterable
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from vidcache.errors import ModelError
from vidcache.model.object_model import ObjectActionModel
from vidcache.training.learning.checkpoint import read_checkpoint, write_checkpoint
from vidcache.training.learning.stages import Budget, learning_shape
from vidcache.training.learning.weight_average import follow_weights
from vidcache.training.objects.performances import IGNORED
from vidcache.training.objects.tracks import TrackBatch

__all__ = ["ObjectTrainer", "track_logits"]

_AVERAGE = 0.998
_SMOOTHING = 0.05
_NOISE = 0.03


class ObjectTrainer:
    """Trains a model of objects' actions on labelled tracks.

    Every pass of the head is trained on every observation that counts, under the head's own mask;
    weights are averaged over the steps.

    Args:
        model: The model; it is changed.
        budget: How long to train.
        rate: Peak of the learning rate.
        weights: What a mistake on each label costs, shape (labels,); None for 1 each.

    Attributes:
        averaged: The model with averaged weights: the result.
        step: Steps done.
    """

    def __init__(
        self,
        model: ObjectActionModel,
        budget: Budget,
        *,
        rate: float = 2e-3,
        weights: Tensor | None = None,
    ) -> None:
        self._weights = weights
        self.model, self.averaged = model, deepcopy(model).eval()
        self.step = 0
        self._budget, self._rate = budget, rate
        self._seconds = 0.0
        self._optimizer = torch.optim.AdamW(
            model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.02
        )

    def run(
        self,
        batches: Iterable[TrackBatch],
        report: Callable[[dict[str, float]], None],
        *,
        checkpoint: Path | None = None,
    ) -> None:
        """Train until the budget is used.

        Args:
            batches: Batches without an end.
            report: Called after every step with the step, the loss and the accuracy.
            checkpoint: Where the training is saved every 200 steps and at the end.
        """
        self.model.train()
        began = time.monotonic() - self._seconds
        for batch in batches:
            self._seconds = time.monotonic() - began
            progress = self._budget.progress(self.step, self._seconds)
            if progress >= 1:
                break
            for group in self._optimizer.param_groups:
                group["lr"] = self._rate * learning_shape(progress)
            loss, accuracy = self._learn(batch)
            self.step += 1
            report({"step": self.step, "loss": loss, "accuracy": accuracy, "done": progress})
            if checkpoint is not None and self.step % 200 == 0:
                self.save(checkpoint)
        if checkpoint is not None:
            self.save(checkpoint)

    def save(self, path: Path) -> None:
        """Write everything that is needed to go on.

        Raises:
            ModelError: The file cannot be written.
        """
        parts = {
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "step": self.step,
            "seconds": self._seconds,
        }
        write_checkpoint(path, parts)

    def load(self, path: Path) -> None:
        """Go on from what :meth:`save` wrote.

        Raises:
            ModelError: If the file cannot be read, or belongs to another model.
        """
        parts = read_checkpoint(path)
        try:
            self.model.load_state_dict(parts["model"])
            self.averaged.load_state_dict(parts["averaged"])
            self._optimizer.load_state_dict(parts["optimizer"])
            self.step, self._seconds = parts["step"], parts["seconds"]
        except (KeyError, RuntimeError, ValueError) as error:
            message = f"{path} is no checkpoint of this training: {error}"
            raise ModelError(message.replace("\n", " ")) from error

    def _learn(self, batch: TrackBatch) -> tuple[float, float]:
        noisy = {
            name: values + _NOISE * torch.randn_like(values)
            for name, values in batch.values.items()
        }
        passes = track_logits(self.model, noisy, batch.present, batch.seconds)
        labels = batch.labels.flatten()
        loss = torch.stack(
            [
                functional.cross_entropy(
                    logits.flatten(0, 1),
                    labels,
                    self._weights,
                    ignore_index=IGNORED,
                    label_smoothing=_SMOOTHING,
                )
                for logits in passes
            ]
        ).mean()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        follow_weights(self.averaged.state_dict(), self.model.state_dict(), _AVERAGE, self.step)
        counted = labels != IGNORED
        right = passes[-1].detach().flatten(0, 1).argmax(-1) == labels
        return float(loss.detach()), float(right[counted].float().mean())


def track_logits(
    model: ObjectActionModel,
    values: dict[str, Tensor],
    present: dict[str, Tensor],
    seconds: Tensor,
) -> tuple[Tensor, ...]:
    """Return what a model says of whole tracks after each pass, before temperature and softmax.

    Args:
        model: The model.
        values: Features by source, shape (B, T, F).
        present: Whether the source is there, by source, shape (B, T).
        seconds: Times, shape (B, T).

    Returns:
        One tensor (B, T, labels) a pass.
    """
    return model.head(model.embed(values, present), seconds).iterations
