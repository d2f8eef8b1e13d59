# pyright: basic
"""Training of encoder and head together, on the pictures of labelled videos."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vidcache.encoder import FrameEncoder
from vidcache.errors import ConfigError
from vidcache.head import CameraHead, HeadOutput
from vidcache.model import ActionModel
from vidcache.training.learning.augmentation import Mirror
from vidcache.training.learning.clip_sampling import LabelledFrames
from vidcache.training.learning.clip_trainer import ClipTrainer
from vidcache.training.learning.model_training import (
    ModelTraining,
    digest_tensors,
    digest_videos,
    label_objective,
    texts_identity,
)
from vidcache.training.learning.optimizers import TrainedPart
from vidcache.training.learning.parts import make_sampler
from vidcache.training.pixel_videos import PixelVideo
from vidcache.training.train_settings import TrainSettings

__all__ = ["EndToEndTrainer"]

_FRAMES_AT_ONCE = 16


class EndToEndTrainer(ModelTraining):
    """Trains encoder and head of a model together, each at a rate of its own.

    For small sets: their pictures are held in memory, and each step encodes its clips anew.

    Args:
        model: The model; it is changed. Its encoder's weights are part of its file.
        train: Videos to learn from.
        validation: Videos by which the best epoch, temperature and threshold are chosen.
        settings: The settings; ``end_to_end`` comes before what else they say of clips.
        out: The folder, as `HeadTrainer` fills it.

    Raises:
        InputError: The videos do not fit each other.
        ConfigError: The model's file would not hold the encoder.
    """

    def __init__(
        self,
        model: ActionModel,
        train: Sequence[PixelVideo],
        validation: Sequence[PixelVideo],
        settings: TrainSettings,
        out: Path,
    ) -> None:
        config, special = model.config, settings.end_to_end
        if config.encoder_source != "file":
            raise ConfigError(
                "an encoder that is trained must be in the model's file: set "
                f"encoder_source='file' (it is {config.encoder_source!r})"
            )
        sizes = {"clip_frames": special.clip_frames, "clips_per_batch": special.clips_per_batch}
        settings = settings.model_copy(update=sizes)
        objective = label_objective(train, config, settings, model.text_labels)
        module = _EncoderAndHead(model.encoder, model.head)
        policy, by_index = config.head.eviction, config.head.positions != "seconds"
        trainer = ClipTrainer(
            module,
            [
                (
                    TrainedPart("encoder", (model.encoder,), model.encoder.vit.blocks),
                    special.encoder_rate,
                ),
                (TrainedPart("head", (model.head,), model.head.trunk), settings.learning_rate),
            ],
            objective,
            make_sampler(train, settings, policy, by_index=by_index),
            _predict,
            validation,
            settings,
            augmentation=Mirror() if special.mirror else None,
            identity={
                "settings": json.dumps(settings.model_dump(exclude={"head"}), sort_keys=True),
                "head": json.dumps(config.head.to_dict(), sort_keys=True),
                "labels": list(config.labels),
                "texts": texts_identity(objective),
                "first weights": digest_tensors(module.state_dict().values()),
                "videos": digest_videos((*train, *validation)),
            },
        )
        super().__init__(model, config, model.head, trainer, objective, settings, Path(out))


class _EncoderAndHead(nn.Module):
    def __init__(self, encoder: FrameEncoder, head: CameraHead) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, pixels: Tensor, seconds: Tensor) -> HeadOutput:
        """Predict clips of pixels (B, T, 3, height, width)."""
        tokens = self.encoder.forward_pixels(pixels.flatten(0, 1)).float()
        return self.head(tokens.unflatten(0, pixels.shape[:2]), seconds)


def _predict(module: nn.Module, video: LabelledFrames) -> Tensor:
    assert isinstance(module, _EncoderAndHead)
    parts = [
        module.encoder.forward_pixels(
            torch.from_numpy(video.features[first : first + _FRAMES_AT_ONCE].astype(np.float32))
        )
        for first in range(0, len(video.seconds), _FRAMES_AT_ONCE)
    ]
    state = module.head.init_state()
    return module.head.step(
        torch.cat(parts).float()[None], state, torch.from_numpy(video.seconds)[None]
    ).prediction[0]
