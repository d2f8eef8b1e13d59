# pyright: basic
"""What every training of a model does besides training: its folder, calibration, and the file."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import Tensor

from vidcache.errors import ModelError
from vidcache.head import CameraHead
from vidcache.model import ActionModel, ActionModelConfig, TextLabels
from vidcache.model.model_file import MODEL_NAME, write_model
from vidcache.model.model_texts import text_tensors
from vidcache.training.learning.calibration import choose_threshold, fit_temperature
from vidcache.training.learning.clip_sampling import LabelledFrames
from vidcache.training.learning.clip_trainer import ClipTrainer
from vidcache.training.learning.epoch_log import EpochLog
from vidcache.training.learning.epochs import Epoch, TrainingEnd
from vidcache.training.learning.losses import LabelObjective, Objective, label_weights
from vidcache.training.learning.text_objective import TextObjective
from vidcache.training.train_settings import TrainSettings

__all__ = [
    "CHECKPOINT_NAME",
    "ModelTraining",
    "TrainedModel",
    "digest_tensors",
    "digest_videos",
    "label_objective",
    "texts_identity",
]

CHECKPOINT_NAME = "checkpoint.pt"
"""What the checkpoint is called in the folder of a training."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """What a training gave.

    Attributes:
        head: The head with the best weights.
        config: The model's settings, with temperature, threshold and how it did.
        end: The epochs, and why there are no more.
        path: The model's file; None if the training was stopped.
    """

    head: CameraHead
    config: ActionModelConfig
    end: TrainingEnd
    path: Path | None


class ModelTraining:
    """A training that writes a model.

    The folder gets ``model.safetensors``, ``train.jsonl`` (a line an epoch), ``config.yaml`` and
    ``checkpoint.pt``, which holds the best weights and the last, and from which `run` goes on.

    Args:
        model: The model; None where there is only a head.
        config: Its settings.
        head: Its head.
        trainer: What trains it; by its validation temperature and threshold are chosen.
        objective: What outputs are to become.
        settings: The settings.
        out: The folder.
    """

    def __init__(
        self,
        model: ActionModel | None,
        config: ActionModelConfig,
        head: CameraHead,
        trainer: ClipTrainer,
        objective: Objective,
        settings: TrainSettings,
        out: Path,
    ) -> None:
        self._model, self._config, self.head = model, config, head
        self._trainer, self._objective = trainer, objective
        self._settings, self._out = settings, out

    @property
    def num_epochs(self) -> int:
        """How many epochs the training has at most; set for good when it begins."""
        return self._trainer.num_epochs

    def stop(self) -> None:
        """End after the step at work, so that another `run` goes on from there."""
        self._trainer.stop()

    def resume(self) -> tuple[Epoch, ...]:
        """Go on from the folder's checkpoint, if there is one.

        Returns:
            The epochs that are done.

        Raises:
            ModelError: The checkpoint cannot be read, or belongs to other settings or videos.
        """
        path = self._out / CHECKPOINT_NAME
        return self._trainer.load(path) if path.is_file() else ()

    def run(
        self,
        on_epoch: Callable[[Epoch], None] | None = None,
        on_step: Callable[[int, int], None] | None = None,
    ) -> TrainedModel:
        """Train to the end, or until `stop`, and write the model.

        Args:
            on_epoch: Called after each epoch.
            on_step: Called after each step with the steps done and the steps of the training.

        Raises:
            ModelError: The folder or a file in it cannot be written.
        """
        self._make_folder()
        with EpochLog(self._out / "train.jsonl", self._trainer.epochs) as log:

            def report(epoch: Epoch) -> None:
                log.write(epoch)
                if on_epoch is not None:
                    on_epoch(epoch)

            end = self._trainer.run(report, on_step, self._out / CHECKPOINT_NAME)
        if end.reason == "stopped":
            return TrainedModel(self.head, self._config, end, None)
        best = self._trainer.best_weights
        self._trainer.module.load_state_dict(best)
        self._trainer.module.eval()
        config = self._calibrate(best, end)
        return TrainedModel(self.head, config, end, self._save(config))

    def _calibrate(self, weights: dict[str, Tensor], end: TrainingEnd) -> ActionModelConfig:
        about = dict(self._config.about)
        best, videos = end.best, self._trainer.validation.videos
        if not videos or best is None:
            return replace(self._config, about=about)
        counted = [torch.from_numpy(~video.ignore) for video in videos]
        told = self._trainer.validation.predictions(weights)
        predictions = torch.cat([t[c] for t, c in zip(told, counted, strict=True)])
        shown = [torch.from_numpy(video.targets) for video in videos]
        targets = torch.cat([t[c] for t, c in zip(shown, counted, strict=True)])
        sigmoid = self._config.activation == "sigmoid"
        wanted = targets if sigmoid else targets / targets.sum(-1, keepdim=True)
        logits = self._objective.logits(predictions)
        temperature = round(fit_temperature(logits, wanted, self._config.activation), 4)
        scores = self._objective.scores(predictions, temperature)
        threshold = choose_threshold(scores, targets, precision=self._settings.shown_precision)
        # Where few frames are right often enough, half of them are shown all the same.
        threshold = min(threshold, float(scores.max(-1).values.median()))
        about |= {
            "validation mAP": round(best.mean_average_precision, 4),
            "validation accuracy": round(best.accuracy, 4),
            "epochs": best.epoch,
        }
        return replace(
            self._config, temperature=temperature, threshold=round(threshold, 4), about=about
        )

    def _save(self, config: ActionModelConfig) -> Path:
        path = self._out / MODEL_NAME
        if self._model is not None:
            self._model.config = config
            self._model.save(path)
        else:
            weights = {f"head.{name}": value for name, value in self.head.state_dict().items()}
            if isinstance(self._objective, TextObjective):
                weights |= text_tensors(self._objective.texts)
            write_model(path, config, weights, torch.float16)
        return path

    def _make_folder(self) -> None:
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            text = yaml.safe_dump(self._settings.model_dump(), sort_keys=False)
            (self._out / "config.yaml").write_text(text, encoding="utf-8")
        except OSError as error:
            raise ModelError(
                f"cannot write to the folder {self._out}: {error.strerror or error}"
            ) from error


def label_objective(
    videos: Sequence[LabelledFrames],
    config: ActionModelConfig,
    settings: TrainSettings,
    texts: TextLabels | None = None,
) -> Objective:
    """Return the loss of a model's labels, rare ones weighed as the settings say.

    Args:
        videos: The training videos.
        config: The model's settings.
        settings: The settings of the training.
        texts: The labels' texts, where the model's head predicts embeddings.
    """
    counts = sum(torch.from_numpy(video.targets[~video.ignore]).sum(0) for video in videos)
    weights = label_weights(torch.as_tensor(counts), settings.balance)
    labels = LabelObjective(config.activation, weights, settings.smoothing, settings.pass_decay)
    return labels if texts is None else TextObjective(texts, labels)


def texts_identity(objective: Objective) -> str | None:
    """Name the texts that a head learns to predict the embeddings of; None where it does not."""
    return objective.texts.fingerprint() if isinstance(objective, TextObjective) else None


def digest_tensors(tensors: Iterable[Tensor]) -> str:
    """Name weights by their bits."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def digest_videos(videos: Sequence[LabelledFrames]) -> str:
    """Name a set of videos by names, times, labels, and some of the features."""
    digest = hashlib.sha256()
    for video in videos:
        digest.update(f"{video.name} {video.features.shape}".encode())
        for array in (video.seconds, video.targets, video.ignore, video.features[:1]):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
