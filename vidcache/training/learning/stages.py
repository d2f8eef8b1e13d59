"""The parts of a training and how long they last."""

import math
from dataclasses import dataclass

from vidcache.errors import ConfigError
from vidcache.training.synthetic.clips import ClipSettings

__all__ = ["Budget", "Stage", "learning_shape"]


@dataclass(frozen=True)
class Stage:
    """One part of a training.

    Attributes:
        share: Its part of the budget; the shares of all stages sum to 1.
        clips: How its clips are drawn.
        clips_per_batch: Clips of a step.
        encoder_rate: Peak learning rate of the encoder; 0 leaves it as it is.
        head_rate: Peak learning rate of the head; 0 leaves the head out.
        body_weight: Weight of the side tasks' losses.
        warm_up_frames: First frames of a clip that do not count for the head.
    """

    share: float
    clips: ClipSettings
    clips_per_batch: int
    encoder_rate: float
    head_rate: float
    body_weight: float = 1.0
    warm_up_frames: int = 3


@dataclass(frozen=True)
class Budget:
    """How long to train: a number of steps, or minutes by the clock; exactly one of them.

    Raises:
        ConfigError: If both or neither are given.
    """

    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise ConfigError(
                f"a budget of steps={self.steps} and minutes={self.minutes}: give exactly one"
            )

    def progress(self, step: int, seconds: float) -> float:
        """Return how much of the budget is used, from 0 to 1 (or beyond)."""
        if self.steps is not None:
            return step / self.steps
        assert self.minutes is not None
        return seconds / (60 * self.minutes)


def learning_shape(within: float, rise: float = 0.04) -> float:
    """Return the part of the peak rate: a short rise, then half a cosine down to 2 %.

    Args:
        within: Progress within the stage, from 0 to 1.
        rise: How much of it the rise takes, below 1.
    """
    if within < rise:
        return 0.05 + 0.95 * within / rise
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, (within - rise) / (1 - rise))))
