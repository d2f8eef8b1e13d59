"""What policies share that judge a frame by what attention made of it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from vidcache.cache.eviction.base import EvictionPolicy
from vidcache.cache.eviction.checks import require_count
from vidcache.cache.frame_times import FrameTimes
from vidcache.errors import ConfigError

__all__ = ["FrameRecords", "Gathers", "ScoredPolicy"]

Gathers = Literal["attention", "keys", "nothing"]


@dataclass(frozen=True, eq=False)
class FrameRecords:
    """What is known about the held frames at the moment when one of them has to go.

    Attributes:
        index: Numbers of the frames in the slots, int64, (B, S).
        seconds: Their times, float64, (B, S).
        seen: Which of them the newest query saw, bool, (B, S); other slots are empty, or hold
            frames that left and can be brought back by a rollback only.
        attention: Attention that each frame received so far, float64, (B, S): the share of each
            step's attention, which sums to 1 over all frames, added up over the steps. Zeros
            unless the policy gathers attention.
        last_attended: Number of the last frame that gave it the largest share of its attention,
            apart from what it gave itself, int64, (B, S); its own number where none did. Gathered
            with the attention.
        keys: Keys of each frame before rotation, in the first lane, (B, S, D); empty (D = 0)
            unless the policy gathers keys.
    """

    index: Tensor
    seconds: Tensor
    seen: Tensor
    attention: Tensor
    last_attended: Tensor
    keys: Tensor


@dataclass(frozen=True)
class ScoredPolicy(EvictionPolicy):
    """Holds ``budget`` frames; when one more comes, the frame of the lowest worth leaves for good.

    The newest frames and the first ones are never judged, nor are pinned ones. A clip cannot
    follow such a policy, since what leaves depends on what was attended: called on a clip, a head
    shows every earlier frame, and the stream equals the clip until the first frame was let go.

    Args:
        budget: How many frames are held in all, the current one included.
        recent: How many of the newest frames are never judged, the current one included; None
            means a quarter of the budget.
        sink_frames: How many of the stream's first frames are never judged.

    Raises:
        ConfigError: A setting is not a whole number, or nothing of the budget is left to judge.

    Example:
        A policy of one's own says what to gather and what a frame is worth:

        >>> from dataclasses import dataclass
        >>> from vidcache.cache import ScoredPolicy, register_policy
        >>> @register_policy
        ... @dataclass(frozen=True)
        ... class OldestFirst(ScoredPolicy):
        ...     gathers = "nothing"
        ...     def worth(self, records):
        ...         return records.index
        >>> OldestFirst(budget=32).capacity
        32
    """

    gathers: ClassVar[Gathers] = "nothing"
    """What the head hands over at each step: the ``attention``, the ``keys``, or ``nothing``."""

    budget: int
    recent: int | None = None
    sink_frames: int = 0

    def __post_init__(self) -> None:
        require_count("budget", self.budget, at_least=2)
        require_count("sink_frames", self.sink_frames, at_least=0)
        if self.recent is not None:
            require_count("recent", self.recent, at_least=1)
        if self.num_recent + self.sink_frames >= self.budget:
            raise ConfigError(
                f"budget {self.budget} with {self.num_recent} recent and {self.sink_frames} sink "
                "frames leaves nothing to choose from: raise the budget, or use SinkWindow"
            )

    @property
    def num_recent(self) -> int:
        """How many of the newest frames are never judged."""
        return max(1, self.budget // 4) if self.recent is None else self.recent

    @property
    def capacity(self) -> int:
        """The budget."""
        return self.budget

    @property
    def scored(self) -> ScoredPolicy | None:
        """The policy itself."""
        return self

    @property
    def max_pinned(self) -> int:
        """What is neither recent nor a sink, less the one place where frames come and go."""
        return self.budget - self.num_recent - self.sink_frames - 1

    def reaches(self, query: FrameTimes, key: FrameTimes) -> Tensor:
        """True for every frame that was not let go."""
        return torch.ones_like(query.index - key.index, dtype=torch.bool)

    def keeps(self, query: FrameTimes, key: FrameTimes) -> Tensor:
        """True for the newest frames and the stream's first ones."""
        recent = query.index - key.index < self.num_recent
        return recent | (key.index < self.sink_frames)

    @abstractmethod
    def worth(self, records: FrameRecords) -> Tensor:
        """Says what each held frame is worth; the one of the lowest worth leaves.

        Among equals the oldest leaves. Values of frames that are safe or not seen do not matter.

        Args:
            records: What is known about the frames.

        Returns:
            A number a frame, (B, S).
        """
