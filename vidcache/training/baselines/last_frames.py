"""A loss on the last frames of clips alone."""

from dataclasses import dataclass

from torch import Tensor

from vidcache.training.learning.losses import Objective

__all__ = ["LastFrames"]


@dataclass(frozen=True, eq=False)
class LastFrames:
    """Counts the last frames of each clip only.

    A recurrent network then learns to judge with a state that is as old as in a stream.

    Attributes:
        objective: What the outputs are to become.
        num_frames: How many of a clip's frames count.

    Source:
        The non-uniform loss of An et al. 2023, "MiniROAD".
    """

    objective: Objective
    num_frames: int

    def loss(self, passes: tuple[Tensor, ...], targets: Tensor, counted: Tensor) -> Tensor:
        """Return the loss of those of the last frames that count."""
        # From the end of each clip: shorter ones are filled up with frames that do not count.
        left = counted.flip(1).cumsum(1).flip(1)
        return self.objective.loss(passes, targets, counted & (left <= self.num_frames))

    def logits(self, prediction: Tensor) -> Tensor:
        """Return logits (…, K)."""
        return self.objective.logits(prediction)

    def scores(self, prediction: Tensor, temperature: float = 1.0) -> Tensor:
        """Return probabilities (…, K)."""
        return self.objective.scores(prediction, temperature)
