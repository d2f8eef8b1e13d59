# pyright: basic
"""How good weights are on videos that nothing is learnt from."""

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from vidcache.training.learning.clip_sampling import LabelledFrames
from vidcache.training.learning.losses import Objective
from vidcache.training.metrics import frame_accuracy, mean_average_precision

__all__ = ["Validation"]


class Validation:
    """Judges weights of a module on videos.

    Args:
        module: The module; a copy of it is used.
        objective: What its outputs mean.
        predict: Says of a module what it predicts for a whole video, shape (T, num_outputs).
        videos: The videos; may be empty.

    Attributes:
        videos: The videos.
    """

    def __init__(
        self,
        module: nn.Module,
        objective: Objective,
        predict: Callable[[nn.Module, LabelledFrames], Tensor],
        videos: Sequence[LabelledFrames],
    ) -> None:
        self._module = copy.deepcopy(module).requires_grad_(False).eval()
        self._objective, self._predict, self.videos = objective, predict, list(videos)

    @torch.no_grad()
    def predictions(self, weights: dict[str, Tensor]) -> list[Tensor]:
        """Predict whole videos.

        Args:
            weights: Weights of the module.

        Returns:
            One (T, num_outputs) a video.
        """
        self._module.load_state_dict(weights)
        return [self._predict(self._module, video) for video in self.videos]

    def judge(self, weights: dict[str, Tensor]) -> tuple[float, float]:
        """Return mean average precision and accuracy; NaN without videos.

        Args:
            weights: Weights of the module.
        """
        if not self.videos:
            return float("nan"), float("nan")
        told = self.predictions(weights)
        scores = torch.cat([self._objective.scores(prediction) for prediction in told]).numpy()
        targets = np.concatenate([video.targets for video in self.videos])
        ignore = np.concatenate([video.ignore for video in self.videos])
        return (
            mean_average_precision(scores, targets, ignore=ignore),
            frame_accuracy(scores, targets, ignore=ignore),
        )
