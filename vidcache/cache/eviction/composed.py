"""Several policies at once: what one of them keeps is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from vidcache.cache.eviction.base import EvictionPolicy, policy_from_dict, register_policy
from vidcache.cache.eviction.scored import ScoredPolicy
from vidcache.cache.frame_times import FrameTimes
from vidcache.errors import ConfigError

__all__ = ["Composed"]


@register_policy
@dataclass(frozen=True)
class Composed(EvictionPolicy):
    """Shows the frames that any of its parts shows.

    The capacity is the sum of the parts'. Parts that go by position keep their own frames; one
    part may judge by scores, and judges what no other part keeps.

    Args:
        parts: The policies, or dicts of their names and settings.

    Raises:
        ConfigError: There are no parts, something else than policies, or two that score.

    Example:
        Two minutes at a glance, and the 32 frames that were attended most:

        >>> from vidcache import HeavyHitter, LogSpaced
        >>> Composed((LogSpaced(window=32, levels=7), HeavyHitter(budget=32, recent=1))).capacity
        176
    """

    parts: tuple[EvictionPolicy, ...]

    def __post_init__(self) -> None:
        given: list[Any] = list(self.parts)
        parts = tuple(_policy(part) for part in given)
        if not parts or not all(isinstance(part, EvictionPolicy) for part in parts):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigError(
                f"parts is {self.parts!r}: give policies such as (SlidingWindow(64), …)"
            )
        if sum(part.scored is not None for part in parts) > 1:
            names = ", ".join(type(part).__name__ for part in parts if part.scored)
            raise ConfigError(f"parts {names} both judge by scores: one of them can")
        object.__setattr__(self, "parts", parts)

    @property
    def capacity(self) -> int:
        """The sum of the parts' capacities."""
        return sum(part.capacity for part in self.parts)

    @property
    def needs_seconds(self) -> bool:
        """Whether any part does."""
        return any(part.needs_seconds for part in self.parts)

    @property
    def scored(self) -> ScoredPolicy | None:
        """The part that judges by scores, if there is one."""
        return next((part.scored for part in self.parts if part.scored), None)

    @property
    def max_pinned(self) -> int:
        """What the parts can pin together."""
        return sum(part.max_pinned for part in self.parts)

    def reaches(self, query: FrameTimes, key: FrameTimes) -> Tensor:
        """True where any part reaches."""
        return torch.stack([part.reaches(query, key) for part in self.parts]).any(dim=0)

    def keeps(self, query: FrameTimes, key: FrameTimes) -> Tensor:
        """True where any part keeps."""
        return torch.stack([part.keeps(query, key) for part in self.parts]).any(dim=0)

    def to_dict(self) -> dict[str, Any]:
        """Returns the name and the parts' settings."""
        return {"policy": "Composed", "parts": [part.to_dict() for part in self.parts]}


def _policy(part: object) -> Any:
    return policy_from_dict(cast("dict[str, Any]", part)) if isinstance(part, dict) else part
