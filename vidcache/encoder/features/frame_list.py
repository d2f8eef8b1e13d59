"""What frames a video consists of, so that it need not be decoded to find their features."""

import os
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from vidcache.encoder.features.content_hash import DIGEST_BYTES

__all__ = ["FrameList"]


@dataclass(frozen=True, eq=False)
class FrameList:
    """The frames of a video, by their content.

    Attributes:
        hashes: What `hash_frame` says of each, T of them.
        seconds: Their presentation times, shape (T,).
        tainted: Which of them are damaged, shape (T,).
        end_seconds: When the last one is over.
    """

    hashes: tuple[bytes, ...]
    seconds: NDArray[np.float64]
    tainted: NDArray[np.bool_]
    end_seconds: float

    def __len__(self) -> int:
        return len(self.hashes)

    def write(self, path: Path) -> None:
        """Writes it to a file that is replaced whole or not at all.

        Raises:
            OSError: It cannot be written.
        """
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            with unfinished.open("wb") as file:
                np.savez(
                    file,
                    hashes=np.frombuffer(b"".join(self.hashes), np.uint8),
                    seconds=self.seconds,
                    tainted=self.tainted,
                    end_seconds=np.float64(self.end_seconds),
                )
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    @classmethod
    def read(cls, path: Path) -> "FrameList | None":
        """Reads what :meth:`write` wrote; None if there is none, or it is damaged."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                packed = arrays["hashes"].tobytes()
                starts = range(0, len(packed), DIGEST_BYTES)
                hashes = tuple(packed[start : start + DIGEST_BYTES] for start in starts)
                found = cls(
                    hashes, arrays["seconds"], arrays["tainted"], float(arrays["end_seconds"])
                )
        except (OSError, BadZipFile, KeyError, ValueError, EOFError):
            return None
        return found if len(hashes) == len(found.seconds) == len(found.tainted) else None
