"""What an eviction policy is, and the register of their names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict
from difflib import get_close_matches
from typing import Any, ClassVar, TypeVar

from torch import Tensor

from vidcache.cache.visibility import FrameTimes
from vidcache.errors import ConfigError

__all__ = ["EvictionPolicy", "policy_from_dict", "register_policy"]

_REGISTER: dict[str, type[EvictionPolicy]] = {}
_Policy = TypeVar("_Policy", bound="type[EvictionPolicy]")


class EvictionPolicy(ABC):
    """Decides which frames stay in the memory of a stream.

    A policy is a frozen dataclass of its settings. It answers one question, :meth:`reaches`; the
    slot table overwrites a frame as soon as no query to come reaches it.

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

    needs_seconds: ClassVar[bool] = False
    """Whether the policy asks for the time of frames, not only for their number."""

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

    def to_dict(self) -> dict[str, Any]:
        """Returns the name and the settings, for configs and files."""
        return {"policy": type(self).__name__, **asdict(self)}  # pyright: ignore[reportArgumentType]


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
