"""The features of one encoder, looked for in memory and then on disk."""

import logging
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vidcache.encoder.features.feature_store import FeatureStore
from vidcache.encoder.features.memory_tier import MemoryTier
from vidcache.encoder.features.stored_features import StoredFeatures
from vidcache.errors import ConfigError

__all__ = ["CachedFeatures", "FoundFeatures"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FoundFeatures:
    """Features that were computed before.

    Attributes:
        features: What the encoder gave, to the bit, float32, (N, C).
        tier: Where they were.
    """

    features: NDArray[np.float32]
    tier: Literal["memory", "disk"]


class CachedFeatures:
    """What one encoder made of pictures; made by `FeatureCache.of`. Several threads may use it.

    Args:
        memory: The tier that is asked first; None for none.
        store: What the disk tier is part of; None for none.
        disk: The tier that is asked next; None for none.
    """

    def __init__(
        self,
        memory: MemoryTier | None,
        store: FeatureStore | None,
        disk: StoredFeatures[np.float32] | None,
    ) -> None:
        self._memory, self._store, self._disk = memory, store, disk
        self._can_write = True

    @property
    def nbytes_by_tier(self) -> dict[str, int]:
        """Bytes of the memory tier, and of the whole folder of the disk tier where there is one."""
        sizes = {"memory": 0 if self._memory is None else self._memory.nbytes}
        if self._store is not None:
            sizes["disk"] = self._store.nbytes
        return sizes

    def find(self, key: bytes) -> FoundFeatures | None:
        """Looks for the features of a picture; what is found on disk comes to memory.

        Args:
            key: What the picture is known by, 20 bytes.

        Returns:
            The features; None if they are in no tier.
        """
        if self._memory is not None and (found := self._memory.get(key)) is not None:
            return FoundFeatures(found, "memory")
        if self._disk is None or (stored := self._disk.get(key)) is None:
            return None
        features = np.array(stored)
        if self._memory is not None:
            self._memory.put(key, features)
        return FoundFeatures(features, "disk")

    def keep(self, key: bytes, features: NDArray[np.float32]) -> None:
        """Keeps what the encoder made of a picture, in every tier.

        A disk that cannot be written is told of once, and not written to any more: the run goes
        on. Features that are not finite are not kept.

        Args:
            key: What the picture is known by, 20 bytes.
            features: The features, (N, C).
        """
        if not np.isfinite(features).all():
            return
        if self._memory is not None:
            self._memory.put(key, features)
        if self._disk is not None and self._can_write:
            try:
                self._disk.put([key], features[None])
            except ConfigError as error:
                if self._can_write:
                    self._can_write = False
                    _log.warning("%s; the run goes on, and adds nothing there", error)

    def refresh(self) -> None:
        """Looks for what other processes have added on disk, and tries again to write."""
        self._can_write = True
        if self._disk is not None:
            self._disk.refresh()
