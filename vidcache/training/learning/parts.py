# pyright: basic
"""What trainings are put together from, as the settings say."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from vidcache.cache import EvictionPolicy
from vidcache.head import CameraHead, HeadConfig
from vidcache.training.learning.augmentation import FeatureAugmentation, feature_spread
from vidcache.training.learning.clip_sampling import ClipSampler, LabelledFrames, Sampling
from vidcache.training.train_settings import TrainSettings

__all__ = ["feature_augmentation", "make_head", "make_sampler", "predict_video"]


def make_head(config: HeadConfig, seed: int) -> CameraHead:
    """Build a head whose random weights follow from the seed alone.

    Args:
        config: Its settings.
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


def make_sampler(
    videos: Sequence[LabelledFrames],
    settings: TrainSettings,
    policy: EvictionPolicy | None,
    *,
    by_index: bool,
) -> ClipSampler:
    """Build what cuts clips out of videos.

    Args:
        videos: The videos.
        settings: The settings of the training.
        policy: What decides how far back a frame sees; None counts every frame.
        by_index: Whether the model tells time by counting frames.
    """
    sampling = Sampling(
        settings.clip_frames,
        settings.clips_per_batch,
        settings.least_batches,
        settings.augment.tempo,
        settings.augment.frame_drop,
    )
    return ClipSampler(videos, sampling, policy, by_index=by_index, seed=settings.seed)


def feature_augmentation(
    videos: Sequence[LabelledFrames], settings: TrainSettings
) -> FeatureAugmentation:
    """Build what changes features, in the measure of their spread over the videos.

    Args:
        videos: The videos.
        settings: The settings of the training.
    """
    augment = settings.augment
    return FeatureAugmentation(feature_spread(videos), augment.noise, augment.shift, augment.drop)
