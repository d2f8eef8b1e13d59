"""What an eviction policy is, and the register of their names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from torch import Tensor

from vidcache.cache.frame_times import FrameTimes
from vidcache.errors import ConfigError

if TYPE_CHECKING:
    from vidcache.cache.eviction.scored import ScoredPolicy

__all__ = ["EvictionPolicy", "policy_from_dict", "register_policy"]

_REGISTER: dict[str, type[EvictionPolicy]] = {}
_Policy = TypeVar("_Policy", bound="type[EvictionPolicy]")


class EvictionPolicy(ABC):
    """Decides which frames stay in the memory of a stream, by their position in it.

    A policy is a frozen dataclass of its settings. It answers one question, :meth:`reaches`; the
    slot table overwrites a frame as soon as no query to come reaches it. Policies that judge
    frames by what attention made of them derive from
    :class:`~vidcache.cache.eviction.scored.ScoredPolicy`.

    Example:
        A policy of one's own is a few lines, usable by its name from then on:

        >>> from dataclasses import dataclass
        >>> from vidcache.cache import EvictionPolicy, register_policy
        >>> @register_policy
        ... @dataclass(frozen=True)
        ... class EvenFramesOnly(EvictionPolicy):
        ...     frames: int
        ...     @property
        ...     def capacity(self):
        ...         return self.frames // 2 + 1
        ...     def reaches(self, query, key):
        ...         age = query.index - key.index
        ...         return (age < self.frames) & ((key.index % 2 == 0) | (age == 0))
    """

    @property
    def needs_seconds(self) -> bool:
        """Whether the policy asks for the time of frames, not only for their number."""
        return False

    @property
    def scored(self) -> ScoredPolicy | None:
        """The part of the policy that judges frames by scores; None where position decides."""
        return None

    @property
    def max_pinned(self) -> int:
        """How many frames ``state.pin`` may hold at once within the capacity."""
        return 0

    @property
    @abstractmethod
    def capacity(self) -> int:
        """How many frames a query can reach at most, itself included."""

    @abstractmethod
    def reaches(self, query: FrameTimes, key: FrameTimes) -> Tensor:
        """Says whether a query frame reaches back to a key frame.

        Args:
            query: Times of the query frames; broadcasts against ``key``.
            key: Times of the key frames, none of them later than the query where it matters.

        Returns:
            A bool tensor of the broadcast shape. A key frame out of reach of one query must be
            out of reach of every later query, and a query must reach itself.
        """

    def keeps(self, query: FrameTimes, key: FrameTimes) -> Tensor:
        """Says which frames no score may let go; for a policy of positions those in reach.

        Args:
            query: Times of the query frames; broadcasts against ``key``.
            key: Times of the key frames.

        Returns:
            A bool tensor of the broadcast shape.
        """
        return self.reaches(query, key)

    def to_dict(self) -> dict[str, Any]:
        """Returns the name and the settings, for configs and files."""
        settings = {field.name: getattr(self, field.name) for field in fields(self)}  # pyright: ignore[reportArgumentType]
        return {"policy": type(self).__name__, **settings}


def register_policy(policy: _Policy) -> _Policy:
    """Makes a policy known by its class name; use it as a class decorator.

    Args:
        policy: The class, a frozen dataclass that derives from :class:`EvictionPolicy`.

    Returns:
        The same class.
    """
    _REGISTER[policy.__name__] = policy
    return policy


def policy_from_dict(settings: dict[str, Any]) -> EvictionPolicy:
    """Builds a policy from its name and settings, as :meth:`EvictionPolicy.to_dict` gives them.

    Args:
        settings: ``{"policy": name, **settings of that policy}``.

    Returns:
        The policy.

    Raises:
        ConfigError: The name is not registered, or a setting is unknown, missing or out of range.
    """
    arguments = dict(settings)
    name = str(arguments.pop("policy", ""))
    if name not in _REGISTER:
        near = get_close_matches(name, _REGISTER, n=1) or sorted(_REGISTER)
        raise ConfigError(f"unknown eviction policy {name!r}: use one of {', '.join(near)}")
    try:
        return _REGISTER[name](**arguments)
    except TypeError as error:
        raise ConfigError(
            f"settings {arguments} do not fit eviction policy {name}: {error}"
        ) from None
