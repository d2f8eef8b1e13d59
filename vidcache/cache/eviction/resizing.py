"""The same policy with more or fewer frames."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from vidcache.cache.eviction.base import EvictionPolicy
from vidcache.cache.eviction.composed import Composed
from vidcache.errors import ConfigError

__all__ = ["largest_policy", "resized"]

# The setting by which a policy grows; of several, the first one.
_SIZES = ("window", "budget", "max_frames", "frames")


def resized(policy: EvictionPolicy, size: int) -> EvictionPolicy:
    """Returns a policy with another ``window``, ``budget`` or ``max_frames``.

    Args:
        policy: The policy; of a composed one, the first part that has such a setting changes.
        size: The new value.

    Raises:
        ConfigError: The policy has no such setting, or does not allow the value.

    Example:
        >>> from vidcache import SinkWindow
        >>> from vidcache.cache.eviction.resizing import resized
        >>> resized(SinkWindow(window=64, sink_frames=2), 16)
        SinkWindow(window=16, sink_frames=2)
    """
    if isinstance(policy, Composed):
        for number, part in enumerate(policy.parts):
            if _size_name(part) is not None:
                parts = [*policy.parts[:number], resized(part, size), *policy.parts[number + 1 :]]
                return Composed(tuple(parts))
    name = _size_name(policy)
    if name is None:
        raise ConfigError(f"{policy} has no {', '.join(_SIZES)} that could be set to {size}")
    # A policy is a dataclass by agreement, which its base class does not say.
    frozen: Any = policy
    changed: EvictionPolicy = replace(frozen, **{name: size})
    return changed


def largest_policy(policy: EvictionPolicy, capacity: int) -> EvictionPolicy | None:
    """Finds the largest size with which a policy holds at most so many frames.

    Args:
        policy: The policy.
        capacity: How many frames it may hold.

    Returns:
        The policy of that size; None if it has no size, or none is small enough.
    """
    # Every policy's capacity grows with its size, and holds at least one frame in 2^16.
    low, high = 0, 1 + (max(capacity, 0) << 16)
    best: EvictionPolicy | None = None
    while low + 1 < high:
        middle = (low + high) // 2
        try:
            candidate = resized(policy, middle)
        except ConfigError:
            # Too small for the policy's other settings: only a larger one can do.
            low = middle
            continue
        if candidate.capacity <= capacity:
            low, best = middle, candidate
        else:
            high = middle
    return best


def _size_name(policy: EvictionPolicy) -> str | None:
    names = [field.name for field in fields(policy)]  # pyright: ignore[reportArgumentType]
    return next((name for name in _SIZES if name in names), None)
