# pyright: basic
"""Training of a camera head on the features of labelled videos."""

import json
from collections.abc import Sequence
from pathlib import Path

from vidcache.errors import ConfigError, InputError
from vidcache.head import CameraHead
from vidcache.model import ActionModel, ActionModelConfig
from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.learning.clip_trainer import ClipTrainer
from vidcache.training.learning.losses import Objective
from vidcache.training.learning.model_training import (
    ModelTraining,
    digest_tensors,
    digest_videos,
    label_objective,
    texts_identity,
)
from vidcache.training.learning.optimizers import TrainedPart
from vidcache.training.learning.parts import (
    feature_augmentation,
    make_head,
    make_sampler,
    predict_video,
)
from vidcache.training.train_settings import TrainSettings

__all__ = ["HeadTrainer"]


class HeadTrainer(ModelTraining):
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
            whole, config, head = None, model, make_head(model.head, settings.seed)
            texts = None
        else:
            whole, config, head = model, model.config, model.head
            texts = model.text_labels
        for video in (*train, *validation):
            _check(video, config)
        objective = objective or label_objective(train, config, settings, texts)
        trainer = _make_trainer(head, train, validation, settings, objective, config)
        super().__init__(whole, config, head, trainer, objective, settings, Path(out))


def _make_trainer(
    head: CameraHead,
    train: Sequence[EncodedVideo],
    validation: Sequence[EncodedVideo],
    settings: TrainSettings,
    objective: Objective,
    config: ActionModelConfig,
) -> ClipTrainer:
    by_index = head.config.positions != "seconds"
    return ClipTrainer(
        head,
        [(TrainedPart("head", (head,), head.trunk), settings.learning_rate)],
        objective,
        make_sampler(train, settings, head.config.eviction, by_index=by_index),
        predict_video,
        validation,
        settings,
        augmentation=feature_augmentation(train, settings),
        identity={
            "settings": json.dumps(settings.model_dump(exclude={"head"}), sort_keys=True),
            "head": json.dumps(head.config.to_dict(), sort_keys=True),
            "labels": list(config.labels),
            "texts": texts_identity(objective),
            "first weights": digest_tensors(head.state_dict().values()),
            "videos": digest_videos((*train, *validation)),
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
