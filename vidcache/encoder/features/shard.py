"""One file of features and one of hashes beside it: written once, by one process, at the end."""

import os
import zlib
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from vidcache.encoder.features.content_hash import DIGEST_BYTES

__all__ = ["INDEX", "Number", "Shard", "ShardWriter", "remove_shard", "shard_nbytes"]

Number = TypeVar("Number", np.float16, np.float32)
"""What features are stored in."""

INDEX = ".index"
"""Ending of a shard's index file, by which a shard is known."""

_FEATURES = ".features"

# A row of the index: whose features the row of the other file are, and a checksum over them.
_ROW = np.dtype([("hash", f"V{DIGEST_BYTES}"), ("crc", "<u4")])


class Shard(Generic[Number]):
    """A shard as it is read; others may still be writing it.

    Features are written before their row of the index, so what the index names is there. The
    last rows of a process that was killed in the middle of one are left out.

    Args:
        path: Its index file.
        shape: Tokens and width of a frame, (N, C).
        dtype: What features are stored in.

    Attributes:
        hashes: What it holds, in order, 20 bytes each.

    Raises:
        OSError: It cannot be read, or was removed meanwhile.
    """

    def __init__(self, path: Path, shape: tuple[int, int], dtype: type[Number]) -> None:
        self.path = path
        self._nbytes = shard_nbytes(path)
        frame_bytes = np.dtype(dtype).itemsize * shape[0] * shape[1]
        rows = np.frombuffer(_whole_rows(path.read_bytes()), _ROW)
        features = path.with_suffix(_FEATURES)
        num_frames = min(len(rows), features.stat().st_size // frame_bytes)
        self.hashes: list[bytes] = [row.tobytes() for row in rows["hash"][:num_frames]]
        self._checksums = rows["crc"][:num_frames]
        self._features: NDArray[Number] = (
            np.memmap(features, dtype, "r", shape=(num_frames, *shape))
            if num_frames
            else np.empty((0, *shape), dtype)
        )

    def rows(self, start: int, stop: int) -> NDArray[Number]:
        """The features of some of its frames, not copied.

        Args:
            start: Number of the first frame.
            stop: Number behind the last one.

        Returns:
            A memory map, shape (stop - start, N, C).
        """
        return self._features[start:stop]

    def is_whole(self, row: int) -> bool:
        """Whether a frame's features are those that were written."""
        return zlib.crc32(self._features[row].data) == int(self._checksums[row])

    def has_grown(self) -> bool:
        """Whether frames were added since, or the shard is gone."""
        return shard_nbytes(self.path) != self._nbytes

    def touch(self) -> None:
        """Counts the shard as used, for every process that shares the folder."""
        os.utime(self.path)


class ShardWriter:
    """Appends to a shard of its own.

    Args:
        path: The index file to make.

    Attributes:
        nbytes: What was written so far.

    Raises:
        OSError: It cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.nbytes = path, 0
        self._features = path.with_suffix(_FEATURES).open("xb", buffering=0)
        self._index = path.open("xb", buffering=0)

    def append(self, hashes: list[bytes], features: NDArray[Any]) -> None:
        """Adds frames.

        Args:
            hashes: Their hashes.
            features: Their features, shape (len(hashes), N, C), contiguous.

        Raises:
            OSError: The disk is full, or gone.
        """
        rows = np.empty(len(hashes), _ROW)
        rows["hash"] = [np.void(digest) for digest in hashes]
        rows["crc"] = [zlib.crc32(frame.data) for frame in features]
        _write_all(self._features.fileno(), features.tobytes())
        _write_all(self._index.fileno(), rows.tobytes())
        self.nbytes += features.nbytes + rows.nbytes

    def close(self) -> None:
        """Ends it."""
        self._features.close()
        self._index.close()


def shard_nbytes(path: Path) -> int:
    """Size on disk of the shard with this index file; 0 if another process has removed it."""
    try:
        return sum(file.stat().st_size for file in (path, path.with_suffix(_FEATURES)))
    except OSError:
        return 0


def remove_shard(path: Path) -> None:
    """Deletes the shard with this index file; memory maps of it live on."""
    # The index first: without it the rest is never looked at.
    path.unlink(missing_ok=True)
    path.with_suffix(_FEATURES).unlink(missing_ok=True)


def _whole_rows(content: bytes) -> bytes:
    return content[: len(content) // _ROW.itemsize * _ROW.itemsize]


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
