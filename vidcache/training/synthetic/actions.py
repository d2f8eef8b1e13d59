"""The labels of the synthetic stream and how each action is performed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vidcache.training.synthetic import procedures
from vidcache.training.synthetic.motions import Motion, captured_motion

__all__ = ["ACTIONS", "LABELS", "Action", "perform"]

LABELS: tuple[str, ...] = (
    "nobody",
    "stand",
    "walk",
    "run",
    "jump",
    "jumping jacks",
    "wave",
    "crouch",
    "lie",
    "get up",
    "crawl",
    "roll",
    "kick",
    "punch",
    "dance",
    "spin",
    "cartwheel",
    "backflip",
)
"""Every label of a frame. The first stands for a picture without people."""

_Procedure = Callable[[np.random.Generator, float], Motion]


@dataclass(frozen=True)
class Action:
    """How one label is performed.

    Attributes:
        clips: Names of the captured motions to choose from.
        procedures: Procedures to choose from.
        seconds: Range of its length where it can go on for any time, else None: it is
            performed once from beginning to end.
        travels: Whether it moves through the scene, so that it has a direction to take.
        blend_seconds: How long the change from the action before takes at least.
    """

    clips: tuple[str, ...] = ()
    procedures: tuple[_Procedure, ...] = ()
    seconds: tuple[float, float] | None = None
    travels: bool = False
    blend_seconds: float = 0.25


ACTIONS: dict[str, Action] = {
    "stand": Action(procedures=(procedures.idle,), seconds=(0.8, 3.0)),
    "walk": Action(("walk",), (procedures.walk,), seconds=(1.8, 4.5), travels=True),
    "run": Action(("run",), (procedures.run,), seconds=(1.4, 3.2), travels=True),
    "jump": Action(("jump",), seconds=(1.7, 3.6), travels=True),
    "jumping jacks": Action(procedures=(procedures.jumping_jacks,), seconds=(2.0, 5.0)),
    "wave": Action(procedures=(procedures.wave,), seconds=(1.5, 4.0)),
    "crouch": Action(procedures=(procedures.crouch,), seconds=(1.2, 3.5), blend_seconds=0.5),
    "lie": Action(procedures=(procedures.lie,), seconds=(1.0, 3.0), blend_seconds=0.9),
    "get up": Action(("getup_facedown", "getup_faceup")),
    "crawl": Action(("crawl",), seconds=(2.0, 4.5), travels=True, blend_seconds=0.8),
    "roll": Action(("roll",), travels=True, blend_seconds=0.3),
    "kick": Action(("kick", "spinkick")),
    "punch": Action(("punch",)),
    "dance": Action(("dance_a", "dance_b"), seconds=(2.0, 5.0)),
    "spin": Action(("spin",), seconds=(2.2, 4.4)),
    "cartwheel": Action(("cartwheel",), travels=True),
    "backflip": Action(("backflip",)),
}
"""Every label except the first, with its performance."""


def perform(rng: np.random.Generator, action: Action, seconds: float) -> Motion:
    """Return one performance of an action.

    Args:
        rng: Source of randomness: which clip or procedure, and its details.
        action: How it is performed.
        seconds: How long it must be able to go on; ignored by an action performed once.

    Returns:
        A motion in a frame of its own.

    Example:
        >>> perform(np.random.default_rng(0), ACTIONS["wave"], 1.0).rotations.shape[1:]
        (13, 4)
    """
    choice = int(rng.integers(len(action.clips) + len(action.procedures)))
    if choice < len(action.clips):
        return captured_motion(action.clips[choice])
    return action.procedures[choice - len(action.clips)](rng, seconds)
