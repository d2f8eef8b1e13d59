"""What a state needs to know of the head that owns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import torch

from vidcache.cache.archive.config import ArchiveConfig
from vidcache.cache.eviction.base import EvictionPolicy
from vidcache.cache.layout import CacheLayout

if TYPE_CHECKING:
    from vidcache.cache.paged.pool import BlockPool
    from vidcache.cache.state import HeadState

__all__ = ["Head", "HeadSettings"]


class HeadSettings(Protocol):
    """Settings of a head, as far as its cache follows from them."""

    @property
    def cache_layout(self) -> CacheLayout:
        """The shape of the cache."""
        ...

    @property
    def eviction(self) -> EvictionPolicy:
        """Which frames are remembered."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as plain values."""
        ...


class Head(Protocol):
    """A head that states can belong to."""

    @property
    def config(self) -> HeadSettings:
        """Its settings."""
        ...

    def fingerprint(self) -> str:
        """Returns a hash of settings and weights."""
        ...

    def init_state(
        self,
        batch_size: int,
        *,
        dtype: torch.dtype | None = None,
        key_format: str | None = None,
        value_format: str | None = None,
        pool: BlockPool | None = None,
        archive: ArchiveConfig | None = None,
        first_frame: int = 0,
    ) -> HeadState:
        """Makes the state of new streams."""
        ...
