# pyright: basic
"""Training of an action model, encoder and head together, on synthetic clips.

It goes in stages: first the encoder alone on pictures far apart in time, where every picture
tells something new; then encoder and head on clips, under the head's own clip mask; then the
head alone, which sees several times as many clips in the same time.
"""

import copy
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from vidcache.encoder import FrameEncoder
from vidcache.errors import ConfigError, ModelError
from vidcache.head import CameraHead
from vidcache.training.learning.checkpoint import read_checkpoint, write_checkpoint
from vidcache.training.learning.losses import LabelObjective
from vidcache.training.learning.optimizers import (
    TrainedPart,
    learning_parameters,
    make_optimizers,
    set_rates,
)
from vidcache.training.learning.stages import Budget, Stage, learning_shape
from vidcache.training.learning.weight_average import follow_weights
from vidcache.training.pretraining.body_tasks import BodyTasks
from vidcache.training.pretraining.clip_batches import ClipBatch, clip_batches
from vidcache.training.synthetic.skeleton import KEYPOINTS

__all__ = ["ActionTrainer", "averaged_weights"]


class ActionTrainer:
    """Trains an encoder and a head on synthetic clips.

    Args:
        encoder: The encoder, changed by the training.
        head: The head, changed by the training.
        stages: What is trained on what, one after another.
        budget: How long in all.
        seed: Of the clips.
        bf16: Whether to compute in bfloat16 (weights stay in fp32).
        average: How slowly the averaged weights follow the trained ones, below 1.
        num_workers: Processes that draw clips.
    """

    def __init__(
        self,
        encoder: FrameEncoder,
        head: CameraHead,
        stages: tuple[Stage, ...],
        budget: Budget,
        *,
        seed: int = 0,
        bf16: bool = True,
        average: float = 0.99,
        num_workers: int = 1,
    ) -> None:
        self.encoder, self.head, self.stages, self.budget = encoder, head, stages, budget
        self._seed, self._bf16, self._average = seed, bf16, average
        self._num_workers = num_workers
        _quicken_stem(encoder)
        tasks = BodyTasks(encoder.vit, len(KEYPOINTS), head.config.num_outputs)
        self.tasks = tasks
        self._optimizers = make_optimizers(
            (
                TrainedPart("encoder", (encoder, tasks), encoder.vit.blocks),
                TrainedPart("head", (head,), head.trunk),
            )
        )
        # The state dicts, and not copies of the modules: the encoder carries a hook of the tasks.
        self.averaged = copy.deepcopy(self._weights())
        self.step, self.seconds = 0, 0.0

    def run(
        self,
        report: Callable[[dict[str, float]], None],
        *,
        stop_after: int | None = None,
        checkpoint: Path | None = None,
        checkpoint_minutes: float = 3.0,
    ) -> None:
        """Train until the budget is used.

        Args:
            report: Called after each step with ``step``, ``progress``, ``stage``, the losses,
                ``pictures_per_second``, and the seconds ``waited`` for the clips.
            stop_after: Stop before the budget is used, after this many steps in all.
            checkpoint: Where to save now and then, and at the end.
            checkpoint_minutes: How often.
        """
        self.encoder.train()
        self.head.train()
        stage_index, batches = -1, iter(())
        saved = began = time.monotonic()
        already = self.seconds
        while (progress := self.budget.progress(self.step, self.seconds)) < 1:
            if stop_after is not None and self.step >= stop_after:
                break
            index, within = self._stage(progress)
            if index != stage_index:
                stage_index, batches = index, self._batches(index)
            start = time.monotonic()
            batch = next(batches)
            waited = time.monotonic() - start
            losses = self._train_step(self.stages[index], within, batch)
            now = time.monotonic()
            self.step, self.seconds = self.step + 1, already + now - began
            pictures = batch.images.shape[0] * batch.images.shape[1]
            facts = {"step": self.step, "progress": progress, "stage": index}
            speed = {"pictures_per_second": pictures / (now - start), "waited": waited}
            report(facts | losses | speed)
            if checkpoint is not None and now - saved > 60 * checkpoint_minutes:
                self.save(checkpoint)
                saved = now
        if checkpoint is not None:
            self.save(checkpoint)

    def save(self, path: Path) -> None:
        """Write everything that is needed to go on, whole or not at all."""
        content = {
            "weights": self._weights(),
            "averaged": self.averaged,
            "tasks": self.tasks.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "step": self.step,
            "seconds": self.seconds,
        }
        write_checkpoint(path, content)

    def load(self, path: Path) -> None:
        """Go on from what `save` wrote.

        Raises:
            ModelError: If the file cannot be read or belongs to another model.
        """
        content = read_checkpoint(path)
        try:
            self.encoder.load_state_dict(content["weights"]["encoder"])
            self.head.load_state_dict(content["weights"]["head"])
            self.tasks.load_state_dict(content["tasks"])
            for optimizer, state in zip(self._optimizers, content["optimizers"], strict=True):
                optimizer.load_state_dict(state)
        except (KeyError, RuntimeError, ValueError) as error:
            message = f"{path} is no checkpoint of this training: {error}"
            raise ModelError(message.replace("\n", " ")) from error
        self.averaged = content["averaged"]
        self.step, self.seconds = content["step"], content["seconds"]

    def _weights(self) -> dict[str, dict[str, Tensor]]:
        return {"encoder": self.encoder.state_dict(), "head": self.head.state_dict()}

    def _stage(self, progress: float) -> tuple[int, float]:
        """Return the number of the stage and the progress within it."""
        start = 0.0
        for index, stage in enumerate(self.stages):
            if progress < start + stage.share or index == len(self.stages) - 1:
                return index, (progress - start) / stage.share
            start += stage.share
        raise ConfigError("a training needs at least one stage")

    def _batches(self, index: int) -> Iterator[ClipBatch]:
        stage = self.stages[index]
        return clip_batches(
            stage.clips,
            stage.clips_per_batch,
            seed=self._seed + index,
            first_step=self.step,
            num_workers=self._num_workers,
        )

    def _train_step(self, stage: Stage, within: float, batch: ClipBatch) -> dict[str, float]:
        shape = learning_shape(within)
        rates = {"encoder": stage.encoder_rate, "head": stage.head_rate}
        set_rates(self._optimizers, {part: rate * shape for part, rate in rates.items()})
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bf16):
            losses = self._losses(stage, batch)
        total = torch.stack(list(losses.values())).sum()
        total.backward()
        nn.utils.clip_grad_norm_(list(learning_parameters(self._optimizers)), 1.0)
        for optimizer in self._optimizers:
            optimizer.step()
        self._follow()
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _losses(self, stage: Stage, batch: ClipBatch) -> dict[str, Tensor]:
        num_clips, num_frames = batch.images.shape[:2]
        pixels = self.encoder.preprocess(batch.images.flatten(0, 1))
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        losses: dict[str, Tensor] = {}
        with torch.set_grad_enabled(stage.encoder_rate > 0):
            tokens = self.encoder.forward_pixels(pixels).float()
        if stage.encoder_rate > 0 and stage.body_weight > 0:
            told = self.tasks(batch.keypoints.flatten(0, 1), batch.targets.flatten(0, 1))
            losses |= {name: stage.body_weight * loss for name, loss in told.items()}
        if stage.head_rate > 0:
            features = tokens.unflatten(0, (num_clips, num_frames))
            output = self.head(features, batch.seconds)
            counted = torch.ones(num_clips, num_frames, dtype=torch.bool)
            counted[:, : stage.warm_up_frames] = False
            objective = LabelObjective("softmax")
            losses["actions"] = objective.loss(output.iterations, batch.targets, counted)
        return losses

    def _follow(self) -> None:
        for part, weights in self._weights().items():
            follow_weights(self.averaged[part], weights, self._average, self.step)


def averaged_weights(path: Path) -> dict[str, dict[str, Tensor]]:
    """Read the averaged weights out of a checkpoint of a training.

    Args:
        path: What `ActionTrainer.save` wrote.

    Returns:
        State dicts of the ``encoder`` and the ``head``.

    Raises:
        ModelError: If the file cannot be read.
    """
    content = read_checkpoint(path)
    if "averaged" not in content:
        raise ModelError(f"{path} is no checkpoint of a training: it holds no averaged weights")
    return content["averaged"]


def _quicken_stem(encoder: FrameEncoder) -> None:
    """Compute a convolutional stem in fp32, channels last: on processors bf16 slows it down."""
    stem = encoder.vit.patch_embed
    if hasattr(stem, "backbone"):
        stem.to(memory_format=torch.channels_last)
        stem.forward = torch.autocast("cpu", enabled=False)(stem.forward)
