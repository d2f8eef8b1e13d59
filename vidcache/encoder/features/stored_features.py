"""The features that one encoder made, in shards."""

import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic

import numpy as np
import torch
from numpy.typing import NDArray

from vidcache.encoder.features.shard import INDEX, Number, Shard, ShardWriter
from vidcache.errors import ConfigError, InputError

__all__ = ["StoredFeatures"]


class StoredFeatures(Generic[Number]):
    """What one encoder made of frames, by the frames' content.

    Made by `FeatureStore`. It may be used from several threads, and several processes may use one
    folder at the same time: each writes shards of its own, and :meth:`refresh` finds what the
    others have added. There is a checksum a frame: features that a disk has spoilt are not found.

    Args:
        folder: Where the shards lie.
        shape: Tokens and width of a frame, (N, C).
        dtype: What features are stored in, float16 or float32.
        shard_bytes: Size at which the next shard is begun.
        make_room: Called before a shard is begun.

    Raises:
        ConfigError: The folder cannot be made or read.
    """

    def __init__(
        self,
        folder: Path,
        shape: tuple[int, int],
        dtype: type[Number],
        *,
        shard_bytes: int,
        make_room: Callable[[], None],
    ) -> None:
        self._folder, self._shape, self._dtype = folder, shape, dtype
        self._shard_bytes, self._make_room = shard_bytes, make_room
        self._lock = threading.RLock()
        self._shards: dict[Path, Shard[Number]] = {}
        self._places: dict[bytes, tuple[Path, int]] = {}
        self._used: set[Path] = set()
        self._writer: ShardWriter | None = None
        self._num_written = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.refresh()
        except OSError as error:
            raise _unusable(folder, error) from None

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, frame_hash: object) -> bool:
        return frame_hash in self._places

    def get(self, frame_hash: bytes) -> NDArray[Number] | None:
        """Finds the features of a frame.

        Args:
            frame_hash: What `hash_frame` says of it.

        Returns:
            Shape (N, C), not copied; None if they are not there.
        """
        found = self.read([frame_hash])
        return None if found is None else found[0]

    def read(self, hashes: Sequence[bytes]) -> NDArray[Number] | None:
        """Finds the features of all frames of a video.

        Args:
            hashes: What `hash_frame` says of the frames, T ≥ 1 of them.

        Returns:
            Shape (T, N, C): a memory map where the frames lie in one shard one after another, as
            those of a video do that was encoded at one go, else a copy. None if one is not there.
        """
        with self._lock:
            places = [self._places.get(digest) for digest in hashes]
            if not all(place is not None and self._check(place) for place in places):
                return None
            known = [place for place in places if place is not None]
            path, first = known[0]
            if known == [(path, first + number) for number in range(len(known))]:
                return self._shards[path].rows(first, first + len(known))
            return np.stack([self._shards[path].rows(row, row + 1)[0] for path, row in known])

    def put(self, hashes: Sequence[bytes], features: NDArray[Any] | torch.Tensor) -> None:
        """Stores the features of frames; those that are there already are passed over.

        Args:
            hashes: What `hash_frame` says of the frames.
            features: Shape (len(hashes), N, C); the stored type must hold them.

        Raises:
            InputError: The features have another shape, or are not finite in the stored type.
            ConfigError: They cannot be written.
        """
        if isinstance(features, torch.Tensor):
            features = features.detach().cpu().float().numpy()
        if features.shape != (len(hashes), *self._shape):
            raise InputError(
                f"features of shape {features.shape} for {len(hashes)} frames: expected "
                f"{(len(hashes), *self._shape)}"
            )
        with np.errstate(over="ignore"):
            stored = np.ascontiguousarray(features, self._dtype)
        if not np.isfinite(stored).all():
            name = self._dtype.__name__
            raise InputError(f"features are not finite in {name}: look for NaN in the encoder")
        with self._lock:
            new = {digest: n for n, digest in enumerate(hashes) if digest not in self._places}
            if not new:
                return
            try:
                writer = self._open_writer()
                writer.append(list(new), stored[list(new.values())])
            except OSError as error:
                # What was half written would shift all that came after it.
                self.close()
                raise _unusable(self._folder, error) from None
            for row, digest in enumerate(new, self._num_written):
                self._places[digest] = (writer.path, row)
            self._num_written += len(new)

    def refresh(self) -> None:
        """Looks for what other processes have added or removed since."""
        with self._lock:
            own = self._writer and self._writer.path
            there = set(self._folder.glob(f"*{INDEX}"))
            for path in set(self._shards) - there:
                self._forget(path)
            for path in sorted(there - {own}):
                known = self._shards.get(path)
                if known is None or known.has_grown():
                    self._open(path)

    def close(self) -> None:
        """Ends the shard that is being written; the next :meth:`put` begins another one."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _open_writer(self) -> ShardWriter:
        if self._writer is not None and self._writer.nbytes >= self._shard_bytes:
            self.close()
        if self._writer is None:
            self._make_room()
            self._writer = ShardWriter(self._folder / f"{secrets.token_hex(8)}{INDEX}")
            self._num_written = 0
        return self._writer

    def _check(self, place: tuple[Path, int]) -> bool:
        """Whether a frame's features can be read, and are what was written."""
        path, row = place
        shard = self._shards.get(path)
        if shard is None or row >= len(shard.hashes):
            shard = self._open(path)
        if shard is None:
            return False
        if path not in self._used:
            self._used.add(path)
            self._touch(shard)
        if not shard.is_whole(row):
            self._places.pop(shard.hashes[row], None)
            return False
        return True

    def _open(self, path: Path) -> Shard[Number] | None:
        known = self._shards.get(path)
        try:
            shard = Shard(path, self._shape, self._dtype)
        except OSError:
            self._forget(path)
            return None
        self._shards[path] = shard
        start = len(known.hashes) if known else 0
        for row, digest in enumerate(shard.hashes[start:], start):
            self._places.setdefault(digest, (path, row))
        return shard

    def _touch(self, shard: Shard[Number]) -> None:
        try:
            shard.touch()
        except FileNotFoundError:
            # Another process has removed it since; what is mapped here can still be read.
            self._places = {k: v for k, v in self._places.items() if v[0] != shard.path}
        except OSError:
            # A folder that can only be read keeps no order of use, and needs none.
            pass

    def _forget(self, path: Path) -> None:
        self._shards.pop(path, None)
        self._places = {digest: at for digest, at in self._places.items() if at[0] != path}


def _unusable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"cannot keep features in '{folder}' ({error.strerror or error}): give a folder that can "
        "be written, on a disk with room"
    )
