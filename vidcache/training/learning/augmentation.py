# pyright: basic
"""Changes of what a head is shown in training, so that few clips teach more than themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from vidcache.training.learning.clip_sampling import LabelledFrames

__all__ = ["Augmentation", "FeatureAugmentation", "Mirror", "feature_spread"]

_MAX_FRAMES = 4096


class Augmentation(Protocol):
    """A change of a batch of clips."""

    def __call__(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Return changed inputs (B, T, …), drawing from the generator alone."""
        ...


@dataclass(frozen=True, eq=False)
class FeatureAugmentation:
    """Noise on features, of a frame and of a whole clip, and features that are missing.

    Attributes:
        spread: Standard deviation of each feature over the training, shape (N, C).
        noise: Strength of the noise that each frame has of its own, in these deviations.
        shift: Strength of the noise that all frames of a clip share: another place, other light.
        drop: Probability that a feature is left out in a whole clip.

    Example:
        >>> change = FeatureAugmentation(torch.ones(1, 4), noise=0.1)
        >>> change(torch.zeros(2, 3, 1, 4), torch.Generator().manual_seed(0)).shape
        torch.Size([2, 3, 1, 4])
    """

    spread: Tensor
    noise: float = 0.0
    shift: float = 0.0
    drop: float = 0.0

    def __call__(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Return changed features, shape (B, T, N, C)."""
        shared = (inputs.shape[0], 1, *inputs.shape[2:])
        if self.noise:
            inputs = inputs + self.noise * self.spread * torch.randn(
                inputs.shape, generator=generator
            )
        if self.shift:
            inputs = inputs + self.shift * self.spread * torch.randn(shared, generator=generator)
        if self.drop:
            kept = torch.rand(shared, generator=generator) >= self.drop
            inputs = inputs * kept / (1 - self.drop)
        return inputs


@dataclass(frozen=True)
class Mirror:
    """Pictures of half of the clips, left for right.

    For end-to-end training: features cannot be mirrored, the pictures that they come from can.
    """

    def __call__(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Return pixels, shape (B, T, 3, height, width)."""
        flipped = torch.rand(len(inputs), generator=generator) < 0.5
        return torch.where(flipped[:, None, None, None, None], inputs.flip(-1), inputs)


def feature_spread(videos: Sequence[LabelledFrames]) -> Tensor:
    """Return the standard deviation of each feature over some thousand frames.

    Args:
        videos: The videos, with features of shape (T, N, C).

    Returns:
        Shape (N, C).
    """
    total = sum(len(video.seconds) for video in videos)
    stride = max(1, total // _MAX_FRAMES)
    frames = [np.asarray(video.features[::stride], dtype=np.float32) for video in videos]
    return torch.from_numpy(np.concatenate(frames)).std(0, correction=0)
