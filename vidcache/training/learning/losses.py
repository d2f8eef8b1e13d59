# pyright: basic
"""What a head is trained towards: losses over all of its passes, and the scores that they mean."""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from vidcache.errors import ConfigError

__all__ = [
    "Balance",
    "LabelObjective",
    "Objective",
    "label_weights",
]

Balance = Literal["none", "root", "inverse"]


class Objective(Protocol):
    """What outputs are to become, and what they say."""

    def loss(self, passes: tuple[Tensor, ...], targets: Tensor, counted: Tensor) -> Tensor:
        """Return the loss of clips.

        Args:
            passes: The prediction after each pass, each of shape (B, T, num_outputs).
            targets: 1 for each label shown, shape (B, T, K).
            counted: Which frames count, bool, shape (B, T).

        Returns:
            A scalar.
        """
        ...

    def logits(self, prediction: Tensor) -> Tensor:
        """Return the logits (…, K) that a prediction (…, num_outputs) stands for."""
        ...

    def scores(self, prediction: Tensor, temperature: float = 1.0) -> Tensor:
        """Return the probabilities (…, K), from logits that are divided by a temperature."""
        ...


@dataclass(frozen=True, eq=False)
class LabelObjective:
    """Cross-entropy for one label at a time, or a binary one for each of several.

    Attributes:
        activation: ``"softmax"``: a frame that shows several labels shares its weight among them.
            ``"sigmoid"``: each label is right or wrong by itself.
        weights: Weight of each label, shape (K,); None weighs all alike.
        smoothing: Part of a target that is spread over all labels, below 1.
        decay: Weight of a pass over that of the next one.

    Source:
        The weights of the passes are those of VGGT's camera loss (Wang et al. 2025).

    Example:
        >>> objective = LabelObjective("softmax")
        >>> good, bad = torch.tensor([[[9.0, 0.0]]]), torch.tensor([[[0.0, 9.0]]])
        >>> targets, counted = torch.tensor([[[1.0, 0.0]]]), torch.ones(1, 1, dtype=torch.bool)
        >>> bool(objective.loss((bad, good), targets, counted)
        ...      < objective.loss((good, bad), targets, counted))
        True
    """

    activation: Literal["softmax", "sigmoid"]
    weights: Tensor | None = None
    smoothing: float = 0.0
    decay: float = 0.6

    def loss(self, passes: tuple[Tensor, ...], targets: Tensor, counted: Tensor) -> Tensor:
        """Return the mean over counted frames and passes, later passes weighing more."""
        wanted = targets[counted]
        if not len(wanted):
            # Of nothing there is nothing to learn, but the step still has a gradient.
            return passes[-1].sum() * 0.0
        losses = [self._loss(logits[counted].float(), wanted) for logits in passes]
        weights = [self.decay ** (len(losses) - 1 - index) for index in range(len(losses))]
        weighted = [weight * loss for weight, loss in zip(weights, losses, strict=True)]
        return torch.stack(weighted).sum() / sum(weights)

    def logits(self, prediction: Tensor) -> Tensor:
        """Return the prediction, which is made of logits (…, K)."""
        return prediction.float()

    def scores(self, prediction: Tensor, temperature: float = 1.0) -> Tensor:
        """Return probabilities (…, K)."""
        logits = self.logits(prediction) / temperature
        return logits.sigmoid() if self.activation == "sigmoid" else logits.softmax(-1)

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        weights = torch.ones(targets.shape[-1]) if self.weights is None else self.weights
        if self.activation == "sigmoid":
            # Positives alone are weighed: their lack is what makes a label rare.
            emphasis = 1 + targets * (weights - 1)
            smooth = targets * (1 - self.smoothing) + 0.5 * self.smoothing
            return functional.binary_cross_entropy_with_logits(logits, smooth, emphasis)
        shares = targets / targets.sum(-1, keepdim=True).clamp(min=1e-6)
        emphasis = (shares * weights).sum(-1)
        smooth = shares * (1 - self.smoothing) + self.smoothing / shares.shape[-1]
        return (emphasis * functional.cross_entropy(logits, smooth, reduction="none")).mean()


def label_weights(counts: Tensor, balance: Balance) -> Tensor | None:
    """Return how much each label's frames weigh in the loss.

    Args:
        counts: Frames of each label in training, shape (K,).
        balance: ``"none"``; ``"inverse"``: all labels together weigh alike, however rare;
            ``"root"``: half way between the two.

    Returns:
        Weights (K,) whose mean over the frames is 1, a label that never occurs weighing 1;
        None where all weigh alike.

    Raises:
        ConfigError: There is no such way of balancing.

    Example:
        >>> label_weights(torch.tensor([80.0, 20.0]), "inverse")
        tensor([0.6250, 2.5000])
    """
    if balance == "none":
        return None
    powers = {"root": 0.5, "inverse": 1.0}
    if balance not in powers:
        raise ConfigError(f"balance is {balance!r}: use 'none', 'root' or 'inverse'")
    weights = counts.clamp(min=1).float().pow(-powers[balance])
    shown = counts > 0
    weights = weights / ((weights * counts).sum() / counts.sum().clamp(min=1))
    return torch.where(shown, weights, torch.ones_like(weights))
