"""What a head is trained towards that predicts the embedding of what it sees."""

from dataclasses import dataclass, replace

from torch import Tensor

from vidcache.errors import ConfigError
from vidcache.model.text_labels import TextLabels
from vidcache.training.learning.losses import LabelObjective

__all__ = ["TextObjective"]


@dataclass(frozen=True, eq=False)
class TextObjective:
    """The loss of labels, taken of logits that compare predictions with the labels' texts.

    With a sigmoid this is SigLIP's loss over the labels of a data set: the background has no text,
    and is learnt as "none of these". With a softmax the background is the class whose logit is 0.

    Args:
        texts: The labels in the order of the data set's, without its background.
        labels: How the logits are judged: weights and smoothing. Its activation is that of the
            texts.

    Raises:
        ConfigError: The two have different activations.

    Example:
        >>> import numpy as np, torch
        >>> texts = TextLabels(("wave",), np.eye(1, 3, dtype=np.float32), scale=2.0)
        >>> objective = TextObjective(texts, LabelObjective("sigmoid"))
        >>> towards, away = torch.tensor([[[1.0, 0, 0]]]), torch.tensor([[[-1.0, 0, 0]]])
        >>> wave, counted = torch.tensor([[[0.0, 1.0]]]), torch.ones(1, 1, dtype=torch.bool)
        >>> bool(objective.loss((towards,), wave, counted)
        ...      < objective.loss((away,), wave, counted))
        True

    Source:
        Zhai et al., "Sigmoid Loss for Language Image Pre-Training" (2023).
    """

    texts: TextLabels
    labels: LabelObjective

    def __post_init__(self) -> None:
        if self.texts.activation != self.labels.activation:
            raise ConfigError(
                f"the texts are compared with a {self.texts.activation}, but the labels are "
                f"judged with a {self.labels.activation}: both must be the same"
            )

    def loss(self, passes: tuple[Tensor, ...], targets: Tensor, counted: Tensor) -> Tensor:
        """Return the mean over counted frames and passes.

        Args:
            passes: The embedding after each pass, each of shape (B, T, D).
            targets: 1 for each label shown, the background first, shape (B, T, K + 1).
            counted: Which frames count, bool, shape (B, T).
        """
        logits = tuple(self.texts.logits(prediction) for prediction in passes)
        if self.texts.activation == "softmax":
            return self.labels.loss(logits, targets, counted)
        # The background's logit is always 0: there is nothing to learn in it.
        weights = self.labels.weights
        labels = self.labels if weights is None else replace(self.labels, weights=weights[1:])
        return labels.loss(tuple(pass_[..., 1:] for pass_ in logits), targets[..., 1:], counted)

    def logits(self, prediction: Tensor) -> Tensor:
        """Return logits (…, K + 1), the background's first, which are 0."""
        return self.texts.logits(prediction)

    def scores(self, prediction: Tensor, temperature: float = 1.0) -> Tensor:
        """Return probabilities (…, K + 1), the background's first."""
        return self.texts.scores(prediction, temperature)
