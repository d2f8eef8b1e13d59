"""The feature cache: what the encoder made of pictures, in memory and on disk."""

import os
import tempfile
import weakref
from pathlib import Path

from vidcache.encoder.features.cached_features import CachedFeatures
from vidcache.encoder.features.exact_fingerprint import exact_fingerprint
from vidcache.encoder.features.feature_store import FeatureStore
from vidcache.encoder.features.memory_tier import MemoryTier
from vidcache.encoder.frame_encoder import FrameEncoder
from vidcache.errors import ConfigError

__all__ = ["FeatureCache"]

# The budget is kept by removing whole shards, so there are several of them even in a small one.
_SHARDS_OF_BUDGET = 8
_SMALLEST_SHARD_BYTES = 1 << 20
_LARGEST_SHARD_BYTES = 1 << 30
_PROBE_BYTES = 4096


class FeatureCache:
    """Keeps what an encoder made of the pictures of runs, so that none is encoded twice.

    It gives what the encoder gives, to the bit, and so knows pictures by their content, by the
    encoder's fingerprint and by the arithmetic of the machine.

    Args:
        memory_bytes: Budget of the memory tier, 0 for none.
        folder: Folder of the disk tier; None for none. Several processes may share it.
        max_disk_bytes: Budget of the disk tier, None for no limit; it is exceeded by at most an
            eighth (1 MiB where that is more) for each process that writes. Its index is held in
            memory: about 220 bytes for each picture on disk.

    Raises:
        ConfigError: The folder cannot be made or written, or a size cannot be used.

    Example:
        >>> from vidcache import FrameEncoder
        >>> from vidcache.encoder.features import FeatureCache
        >>> encoder = FrameEncoder("vit_tiny_patch16_224", None, image_size=64)
        >>> cache = FeatureCache(1 << 20)
        >>> cache.of(encoder) is cache.of(encoder)
        True
    """

    def __init__(
        self,
        memory_bytes: int,
        folder: str | os.PathLike[str] | None = None,
        max_disk_bytes: int | None = None,
    ) -> None:
        if memory_bytes < 0:
            raise ConfigError(f"memory_bytes is {memory_bytes}: give 0 or more")
        self._memory_bytes = memory_bytes
        self._store: FeatureStore | None = None
        self._fingerprint = ""
        self._features: CachedFeatures | None = None
        if folder is not None:
            self._store = FeatureStore(
                folder, max_bytes=max_disk_bytes, shard_bytes=_shard_bytes(max_disk_bytes)
            )
            _check_writable(Path(folder))
            weakref.finalize(self, self._store.close)

    def of(self, encoder: FrameEncoder) -> CachedFeatures:
        """The features of an encoder; what other processes have added on disk is looked for.

        Args:
            encoder: Only looked at. One that computes something else than the last one empties
                the memory tier.

        Returns:
            The features, until the encoder is changed.

        Raises:
            ConfigError: They cannot be read.
        """
        fingerprint = exact_fingerprint(encoder)
        if self._features is not None and fingerprint == self._fingerprint:
            self._features.refresh()
            return self._features
        shape = (encoder.num_tokens, encoder.num_features)
        memory = MemoryTier(self._memory_bytes, shape) if self._memory_bytes else None
        disk = None if self._store is None else self._store.exact_of(encoder)
        self._fingerprint = fingerprint
        self._features = CachedFeatures(memory, self._store, disk)
        return self._features


def _shard_bytes(max_disk_bytes: int | None) -> int:
    if max_disk_bytes is None:
        return _LARGEST_SHARD_BYTES
    share = max_disk_bytes // _SHARDS_OF_BUDGET
    return min(max(share, _SMALLEST_SHARD_BYTES), _LARGEST_SHARD_BYTES)


def _check_writable(folder: Path) -> None:
    """A run that may last for weeks is told at its start, not at its first new picture."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(bytes(_PROBE_BYTES))
    except OSError as error:
        raise ConfigError(
            f"cannot keep features in '{folder}' ({error.strerror or error}): give a folder that "
            "can be written, on a disk with room"
        ) from None
