"""How long each stage of the pipeline takes."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["StageTime", "StageTimer"]


@dataclass(frozen=True)
class StageTime:
    """Time of one stage over a run.

    Attributes:
        total_seconds: Sum over all frames.
        num_frames: Frames that went through the stage.
    """

    total_seconds: float
    num_frames: int

    @property
    def mean_seconds(self) -> float:
        """Mean time of a frame; 0 if there was none."""
        return self.total_seconds / self.num_frames if self.num_frames else 0.0


class StageTimer:
    """Adds up the seconds of named stages.

    Example:
        >>> timer = StageTimer()
        >>> timer.add("encode", 0.2, num_frames=4)
        >>> timer.totals()["encode"].mean_seconds
        0.05
    """

    def __init__(self) -> None:
        self._totals: dict[str, StageTime] = {}

    def add(self, stage: str, seconds: float, *, num_frames: int = 1) -> None:
        """Counts the time that ``num_frames`` frames took together in one stage."""
        old = self._totals.get(stage, StageTime(0.0, 0))
        self._totals[stage] = StageTime(old.total_seconds + seconds, old.num_frames + num_frames)

    def totals(self) -> Mapping[str, StageTime]:
        """The times so far, by stage, in the order in which the stages were first used."""
        return dict(self._totals)
