# pyright: basic
"""The training loop: clips in, weights out, to the same bit whether or not it was killed."""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vidcache.errors import ModelError
from vidcache.training.learning.augmentation import Augmentation
from vidcache.training.learning.checkpoint import read_checkpoint, write_checkpoint
from vidcache.training.learning.clip_sampling import ClipSampler, LabelledFrames
from vidcache.training.learning.epochs import Epoch, TrainingEnd
from vidcache.training.learning.losses import Objective
from vidcache.training.learning.optimizers import (
    TrainedPart,
    learning_parameters,
    make_optimizers,
    set_rates,
)
from vidcache.training.learning.stages import learning_shape
from vidcache.training.learning.validation import Validation
from vidcache.training.learning.weight_average import follow_weights
from vidcache.training.train_settings import TrainSettings

__all__ = ["ClipTrainer"]

_CHECKPOINT_SECONDS = 30.0


class ClipTrainer:
    """Trains a module on clips.

    What a step does follows from the seed and the number of the step alone, so that a training
    that was killed goes on from its checkpoint as if nothing had happened.

    Args:
        module: What is trained; called with inputs (B, T, …) and seconds (B, T).
        parts: Its parts, with their learning rates.
        objective: What its outputs are to become.
        clips: Clips of the training videos.
        predict: Says of a module what it predicts for a whole video, shape (T, num_outputs).
        validation: Videos by which the best weights are chosen; may be empty.
        settings: The settings.
        augmentation: What is changed in a batch; None for nothing.
        identity: What a checkpoint must belong to, as plain values.
    """

    def __init__(
        self,
        module: nn.Module,
        parts: Sequence[tuple[TrainedPart, float]],
        objective: Objective,
        clips: ClipSampler,
        predict: Callable[[nn.Module, LabelledFrames], Tensor],
        validation: Sequence[LabelledFrames],
        settings: TrainSettings,
        *,
        augmentation: Augmentation | None = None,
        identity: dict[str, Any] | None = None,
    ) -> None:
        self.module, self.settings, self._objective = module, settings, objective
        self._clips = clips
        self.validation = Validation(module, objective, predict, validation)
        self._augmentation, self._identity = augmentation, identity or {}
        self._rates = {part.name: rate for part, rate in parts}
        self._optimizers = make_optimizers(
            [part for part, _ in parts], weight_decay=settings.weight_decay
        )
        self._averaged = {name: value.clone() for name, value in module.state_dict().items()}
        self._best = self._averaged
        self._epochs: list[Epoch] = []
        self._losses: list[float] = []
        self._step, self._seconds = 0, 0.0
        self._num_epochs: int | None = None
        self._stopping = False

    @property
    def best_weights(self) -> dict[str, Tensor]:
        """The averaged weights of the best epoch."""
        return self._best

    @property
    def last_weights(self) -> dict[str, Tensor]:
        """The averaged weights of the last step."""
        return self._averaged

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """The epochs that are done."""
        return tuple(self._epochs)

    @property
    def num_epochs(self) -> int:
        """How many epochs the training has at most."""
        return self.settings.epochs if self._num_epochs is None else self._num_epochs

    def stop(self) -> None:
        """End after the step at work; may be called from a signal handler."""
        self._stopping = True

    def run(
        self,
        on_epoch: Callable[[Epoch], None] | None = None,
        on_step: Callable[[int, int], None] | None = None,
        checkpoint: Path | None = None,
    ) -> TrainingEnd:
        """Train to the end, or until `stop`.

        Args:
            on_epoch: Called after each epoch.
            on_step: Called after each step with the steps done, and those of the whole training.
            checkpoint: Where everything that is needed to go on is kept.
        """
        began, saved = time.monotonic() - self._seconds, time.monotonic()
        if self._num_epochs is None:
            self._num_epochs = self._plan_epochs()
        per_epoch = self._clips.batches_per_epoch
        reason = "done"
        while self._step < self.num_epochs * per_epoch:
            if self._out_of_patience():
                reason = "patience"
                break
            if self._stopping:
                reason = "stopped"
                break
            self._train_step()
            self._seconds = time.monotonic() - began
            if on_step is not None:
                on_step(self._step, self.num_epochs * per_epoch)
            ended = self._step % per_epoch == 0
            if ended:
                epoch = self._end_epoch(began)
                if on_epoch is not None:
                    on_epoch(epoch)
            if checkpoint is not None and (ended or time.monotonic() - saved > _CHECKPOINT_SECONDS):
                self.save(checkpoint)
                saved = time.monotonic()
        if checkpoint is not None:
            self.save(checkpoint)
        return TrainingEnd(tuple(self._epochs), reason)

    def save(self, path: Path) -> None:
        """Write everything that is needed to go on.

        Raises:
            ModelError: The file cannot be written.
        """
        write_checkpoint(
            path,
            {
                "identity": self._identity,
                "weights": self.module.state_dict(),
                "averaged": self._averaged,
                "best": self._best,
                "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
                "epochs": [asdict(epoch) for epoch in self._epochs],
                "losses": self._losses,
                "step": self._step,
                "seconds": self._seconds,
                "num_epochs": self._num_epochs,
            },
        )

    def load(self, path: Path) -> tuple[Epoch, ...]:
        """Go on from what `save` wrote.

        Returns:
            The epochs that are done.

        Raises:
            ModelError: The file cannot be read, or belongs to another training.
        """
        content = read_checkpoint(path)
        theirs = content.get("identity", {})
        different = [
            k for k in {*theirs, *self._identity} if theirs.get(k) != self._identity.get(k)
        ]
        if different:
            raise ModelError(
                f"{path} belongs to a training with other {', '.join(sorted(different))}: "
                "give what it was begun with, or another folder"
            )
        try:
            self.module.load_state_dict(content["weights"])
            for optimizer, state in zip(self._optimizers, content["optimizers"], strict=True):
                optimizer.load_state_dict(state)
            self._averaged, self._best = content["averaged"], content["best"]
            self._epochs = [Epoch(**values) for values in content["epochs"]]
            self._losses, self._step = content["losses"], content["step"]
            self._seconds, self._num_epochs = content["seconds"], content["num_epochs"]
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            message = f"{path} is no checkpoint of this training: {error}"
            raise ModelError(" ".join(message.split())[:300]) from error
        return tuple(self._epochs)

    def _plan_epochs(self) -> int:
        """How many epochs there are: from the settings, or from how long a step takes."""
        if self.settings.minutes is None:
            return self.settings.epochs
        trial = copy.deepcopy(
            (self.module.state_dict(), [o.state_dict() for o in self._optimizers])
        )
        times: list[float] = []
        for _ in range(3):
            start = time.monotonic()
            self._update(0)
            times.append(time.monotonic() - start)
        self.module.load_state_dict(trial[0])
        for optimizer, state in zip(self._optimizers, trial[1], strict=True):
            optimizer.load_state_dict(state)
        start = time.monotonic()
        self.validation.predictions(self._averaged)
        epoch = min(times) * self._clips.batches_per_epoch + time.monotonic() - start
        return max(1, round(60 * self.settings.minutes / epoch))

    def _train_step(self) -> None:
        self._losses.append(self._update(self._step))
        follow_weights(self._averaged, self.module.state_dict(), self.settings.average, self._step)
        self._step += 1

    def _update(self, step: int) -> float:
        """Take one step, return the loss."""
        settings, per_epoch = self.settings, self._clips.batches_per_epoch
        epoch, number = divmod(step, per_epoch)
        clips = self._clips.batch(epoch, number)
        shape = self._shape(step)
        set_rates(self._optimizers, {name: rate * shape for name, rate in self._rates.items()})
        self.module.train()
        inputs = clips.inputs
        generator = torch.Generator().manual_seed(_mix(settings.seed, step))
        if self._augmentation is not None:
            inputs = self._augmentation(inputs, generator)
        # Dropout draws from the global generator: here it begins anew in each step.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_mix(settings.seed + 1, step))
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bf16"):
                output = self.module(inputs, clips.seconds)
            loss = self._objective.loss(output.iterations, clips.targets, clips.counted)
            loss.backward()
        nn.utils.clip_grad_norm_(
            list(learning_parameters(self._optimizers)), settings.gradient_norm
        )
        for optimizer in self._optimizers:
            optimizer.step()
        return float(loss.detach())

    def _shape(self, step: int) -> float:
        total = self.num_epochs * self._clips.batches_per_epoch
        return learning_shape(step / total, self.settings.warm_up)

    def _end_epoch(self, began: float) -> Epoch:
        precision, accuracy = self.validation.judge(self._averaged)
        epoch = Epoch(
            epoch=len(self._epochs) + 1,
            loss=float(np.mean(self._losses)),
            mean_average_precision=precision,
            accuracy=accuracy,
            learning_rate=self.settings.learning_rate * self._shape(self._step - 1),
            seconds=time.monotonic() - began,
            best=False,
        )
        best = max((known.score for known in self._epochs if known.best), default=-np.inf)
        if np.isnan(epoch.score) or epoch.score >= best:
            epoch = Epoch(**asdict(epoch) | {"best": True})
            self._best = {name: value.clone() for name, value in self._averaged.items()}
        self._epochs.append(epoch)
        self._losses = []
        self._seconds = epoch.seconds
        return epoch

    def _out_of_patience(self) -> bool:
        if not self.settings.patience or not self.validation.videos:
            return False
        # Of equally good epochs the last is kept, but the first ended the progress.
        scores = [epoch.score for epoch in self._epochs]
        since = len(scores) - 1 - scores.index(max(scores)) if scores else 0
        return since >= self.settings.patience


def _mix(seed: int, step: int) -> int:
    """One number of two, far apart for neighbours."""
    return int(np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0] >> np.uint64(1))
