# pyright: basic
"""Training of a camera head on the features of labelled videos."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from vidcache.errors import ConfigError, InputError, ModelError
from vidcache.head import CameraHead
from vidcache.model import ActionModel, ActionModelConfig
from vidcache.model.model_file import write_model
from vidcache.training.augmentation import FeatureAugmentation, feature_spread
from vidcache.training.calibration import choose_threshold, fit_temperature
from vidcache.training.clip_sampling import ClipSampler, LabelledFrames, Sampling
from vidcache.training.clip_trainer import ClipTrainer, Epoch, TrainingEnd
from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.epoch_log import EpochLog
from vidcache.training.losses import LabelObjective, Objective, label_weights
from vidcache.training.optimizers import TrainedPart
from vidcache.training.train_settings import TrainSettings

__all__ = ["HeadTrainer", "TrainedHead", "make_head", "predict_video"]


@dataclass(frozen=True, eq=False)
class TrainedHead:
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


class HeadTrainer:
    """Trains a camera head on encoded videos and writes the model.

    The folder gets ``model.safetensors``, ``train.jsonl`` (a line an epoch), ``config.yaml`` and
    ``checkpoint.pt``, which holds the best weights and the last, and from which `run` goes on.

    Args:
        model: An `ActionModel`, whose head is trained further from the weights that it has, or the
            settings of one, whose head begins with random weights.
        train: Videos to learn from.
        validation: Videos by which the best epoch, temperature and threshold are chosen; may be
            empty: then the last weights are kept, uncalibrated.
        settings: The settings; `TrainSettings.head` is not looked at.
        out: The folder.
        objective: What outputs are to become; None for the model's labels.

    Raises:
        InputError: The videos do not fit the model or each other.
        ConfigError: The settings of a model whose file holds its encoder are given without it.
    """

    def __init__(
        self,
        model: ActionModel | ActionModelConfig,
        train: Sequence[EncodedVideo],
        validation: Sequence[EncodedVideo],
        settings: TrainSettings,
        out: Path,
        *,
        objective: Objective | None = None,
    ) -> None:
        if isinstance(model, ActionModelConfig):
            if model.encoder_source == "file":
                raise ConfigError(
                    "these are settings of a model whose file holds its encoder: give the "
                    "ActionModel itself, or set encoder_source='external'"
                )
            self._model, self._config = None, model
            self.head = make_head(model.head, settings.seed)
        else:
            self._model, self._config, self.head = model, model.config, model.head
        self._validation, self._settings, self._out = list(validation), settings, Path(out)
        for video in (*train, *validation):
            _check(video, self._config)
        counts = sum(torch.from_numpy(v.targets[~v.ignore]).sum(0) for v in train)
        self._objective = objective or LabelObjective(
            self._config.activation,
            label_weights(torch.as_tensor(counts), settings.balance),
            settings.smoothing,
            settings.pass_decay,
        )
        self._trainer = _make_trainer(
            self.head, train, self._validation, settings, self._objective, self._config
        )

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
        path = self._out / "checkpoint.pt"
        return self._trainer.load(path) if path.is_file() else ()

    def run(
        self,
        on_epoch: Callable[[Epoch], None] | None = None,
        on_step: Callable[[int, int], None] | None = None,
    ) -> TrainedHead:
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

            end = self._trainer.run(report, on_step, self._out / "checkpoint.pt")
        if end.reason == "stopped":
            return TrainedHead(self.head, self._config, end, None)
        best = self._trainer.best_weights
        self.head.load_state_dict(best)
        self.head.eval()
        config = self._calibrate(best, end)
        return TrainedHead(self.head, config, end, self._save(config))

    def _calibrate(self, weights: dict[str, Tensor], end: TrainingEnd) -> ActionModelConfig:
        about = dict(self._config.about)
        best = end.best
        if not self._validation or best is None or not isinstance(self._objective, LabelObjective):
            return replace(self._config, about=about)
        counted = [torch.from_numpy(~video.ignore) for video in self._validation]
        told = self._trainer.predictions(self._validation, weights)
        logits = torch.cat([t[c] for t, c in zip(told, counted, strict=True)])
        shown = [torch.from_numpy(video.targets) for video in self._validation]
        targets = torch.cat([t[c] for t, c in zip(shown, counted, strict=True)])
        sigmoid = self._config.activation == "sigmoid"
        wanted = targets if sigmoid else targets / targets.sum(-1, keepdim=True)
        temperature = round(fit_temperature(logits, wanted, self._config.activation), 4)
        scores = self._objective.scores(logits / temperature)
        threshold = choose_threshold(scores, targets, precision=self._settings.shown_precision)
        about |= {
            "validation mAP": round(best.mean_average_precision, 4),
            "validation accuracy": round(best.accuracy, 4),
            "epochs": best.epoch,
        }
        return replace(
            self._config, temperature=temperature, threshold=round(threshold, 4), about=about
        )

    def _save(self, config: ActionModelConfig) -> Path:
        path = self._out / "model.safetensors"
        if self._model is not None:
            self._model.config = config
            self._model.save(path)
        else:
            weights = {f"head.{name}": value for name, value in self.head.state_dict().items()}
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


def make_head(config: Any, seed: int) -> CameraHead:
    """Build a head whose random weights follow from the seed alone.

    Args:
        config: A `HeadConfig`.
        seed: The seed.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CameraHead(config)


@torch.no_grad()
def predict_video(module: nn.Module, video: LabelledFrames) -> Tensor:
    """Predict a whole video with a head, in memory that does not grow with its length.

    Args:
        module: The `CameraHead`.
        video: The video, with features of shape (T, N, C).

    Returns:
        What the last pass says, shape (T, num_outputs).
    """
    assert isinstance(module, CameraHead)
    state = module.init_state()
    features = torch.from_numpy(np.asarray(video.features, dtype=np.float32))[None]
    return module.step(features, state, torch.from_numpy(video.seconds)[None]).prediction[0]


def _make_trainer(
    head: CameraHead,
    train: Sequence[EncodedVideo],
    validation: Sequence[EncodedVideo],
    settings: TrainSettings,
    objective: Objective,
    config: ActionModelConfig,
) -> ClipTrainer:
    augment = settings.augment
    sampling = Sampling(
        settings.clip_frames,
        settings.clips_per_batch,
        settings.least_batches,
        augment.tempo,
        augment.frame_drop,
    )
    by_index = head.config.positions != "seconds"
    clips = ClipSampler(
        train, sampling, head.config.eviction, by_index=by_index, seed=settings.seed
    )
    augmentation = FeatureAugmentation(
        feature_spread(train), augment.noise, augment.shift, augment.drop
    )
    return ClipTrainer(
        head,
        [(TrainedPart("head", (head,), head.trunk), settings.learning_rate)],
        objective,
        clips,
        predict_video,
        validation,
        settings,
        augmentation=augmentation,
        identity={
            "settings": json.dumps(settings.model_dump(exclude={"head"}), sort_keys=True),
            "head": json.dumps(head.config.to_dict(), sort_keys=True),
            "labels": list(config.labels),
            "first weights": _digest(head.state_dict().values()),
            "videos": _digest_videos((*train, *validation)),
        },
    )


def _check(video: EncodedVideo, config: ActionModelConfig) -> None:
    head = config.head
    num_tokens, width = video.features.shape[1:]
    fits = (num_tokens, width) == (head.num_tokens, head.in_features)
    joined = head.num_tokens == 1 and num_tokens * width == head.in_features
    if not (fits or joined):
        raise InputError(
            f"{video.name!r} has {num_tokens} x {width} features a frame, but the head reads "
            f"{head.num_tokens} x {head.in_features}: encode it with the model's encoder"
        )
    if video.targets.shape[1] != len(config.labels):
        raise InputError(
            f"{video.name!r} has {video.targets.shape[1]} columns of targets, but the model has "
            f"{len(config.labels)} labels: they must be equal"
        )


def _digest(tensors: Any) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _digest_videos(videos: Sequence[LabelledFrames]) -> str:
    """What tells a set of videos from another: names, times, labels, and some of the features."""
    digest = hashlib.sha256()
    for video in videos:
        digest.update(f"{video.name} {video.features.shape}".encode())
        for array in (video.seconds, video.targets, video.ignore, video.features[:1]):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
