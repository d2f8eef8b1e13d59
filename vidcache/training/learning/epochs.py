"""What the epochs of a training brought."""

import math
from dataclasses import dataclass

__all__ = ["Epoch", "TrainingEnd"]


@dataclass(frozen=True)
class Epoch:
    """What one epoch brought.

    Attributes:
        epoch: Its number, from 1.
        loss: Mean loss of its steps.
        mean_average_precision: Of the averaged weights on the validation videos; NaN without.
        accuracy: The same.
        learning_rate: At its end.
        seconds: Time from the beginning of the training.
        best: Whether no epoch before was as good.
    """

    epoch: int
    loss: float
    mean_average_precision: float
    accuracy: float
    learning_rate: float
    seconds: float
    best: bool

    @property
    def score(self) -> float:
        """What epochs are compared by: mean average precision, or accuracy where there is none."""
        if math.isnan(self.mean_average_precision):
            return self.accuracy
        return self.mean_average_precision


@dataclass(frozen=True)
class TrainingEnd:
    """How a training ended.

    Attributes:
        epochs: What each epoch brought.
        reason: ``"done"``, ``"patience"`` (no better validation for long) or ``"stopped"``.
    """

    epochs: tuple[Epoch, ...]
    reason: str

    @property
    def best(self) -> Epoch | None:
        """The epoch whose weights are kept; None if there was none."""
        chosen = [epoch for epoch in self.epochs if epoch.best]
        return chosen[-1] if chosen else None
