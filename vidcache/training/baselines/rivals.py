# pyright: basic
"""Training of a rival on what a head is trained on, with the same clips, steps and rates."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.learning.clip_sampling import LabelledFrames
from vidcache.training.learning.clip_trainer import ClipTrainer
from vidcache.training.learning.epochs import Epoch
from vidcache.training.learning.losses import Objective
from vidcache.training.learning.optimizers import TrainedPart
from vidcache.training.learning.parts import feature_augmentation, make_sampler
from vidcache.training.train_settings import TrainSettings

__all__ = ["train_rival"]


def train_rival(
    module: nn.Module,
    objective: Objective,
    train: Sequence[EncodedVideo],
    validation: Sequence[EncodedVideo],
    settings: TrainSettings,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> nn.Module:
    """Train a module that scores clips, and keep the weights of its best epoch.

    Args:
        module: Called with features (B, T, N, C) and seconds (B, T); it is changed.
        objective: What its outputs are to become.
        train: Videos to learn from.
        validation: Videos by which the best epoch is chosen.
        settings: The settings of the training.
        on_epoch: Called after each epoch.

    Returns:
        The module, in evaluation mode.
    """
    trainer = ClipTrainer(
        module,
        [(TrainedPart("head", (module,)), settings.learning_rate)],
        objective,
        make_sampler(train, settings, None, by_index=False),
        _predict,
        validation,
        settings,
        augmentation=feature_augmentation(train, settings),
    )
    trainer.run(on_epoch)
    module.load_state_dict(trainer.best_weights)
    return module.eval()


def _predict(module: nn.Module, video: LabelledFrames) -> Tensor:
    features = torch.from_numpy(np.asarray(video.features, dtype=np.float32))[None]
    return module(features, torch.from_numpy(video.seconds)[None]).prediction[0]
