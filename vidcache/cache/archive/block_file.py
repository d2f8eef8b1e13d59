"""A file of blocks, mapped into memory."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import TYPE_CHECKING

import torch

from vidcache.cache.archive.block import Block, BlockLayout
from vidcache.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BlockFile"]

_CHUNK = 1 << 20


class BlockFile:
    """Regions of one file, each of which holds a block.

    The file has no name, so that nobody else can open it and nothing is left behind, however the
    program ends: it is gone when the last block of it is no longer used. All its bytes are taken
    on disk here, since a mapping of a file cannot report that the disk is full.

    Args:
        folder: Where to make it.
        layout: The shape of the blocks.
        num_blocks: How many regions it has.

    Raises:
        ConfigError: The file cannot be made, or the disk has no room for it.
    """

    def __init__(self, folder: str | Path, layout: BlockLayout, num_blocks: int) -> None:
        self._layout = layout
        nbytes = num_blocks * layout.nbytes
        try:
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
            _allocate(self._file.fileno(), nbytes)
            self._map = mmap.mmap(self._file.fileno(), nbytes)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(
                f"the archive cannot make a file of {nbytes:,} bytes in {str(folder)!r}: {reason}; "
                "lower disk_bytes or give another folder"
            ) from None
        self._free = list(range(num_blocks))[::-1]

    def store(self, block: Block) -> Block:
        """Writes a block into a free region; there must be one.

        Args:
            block: The block, which is not changed.

        Returns:
            The same block, as it now lies in the file.

        Raises:
            OSError: It cannot be written. Then the region stays free.
        """
        region = self._free[-1]
        start = region * self._layout.nbytes
        # Written by a call, not through the mapping: only a call can fail with an error.
        self._file.seek(start)
        data = block.raw.numpy().data
        while data:
            data = data[self._file.write(data) :]
        self._free.pop()
        raw = torch.frombuffer(
            self._map, dtype=torch.uint8, count=self._layout.nbytes, offset=start
        )
        return self._layout.view(raw, region)

    def release(self, block: Block) -> None:
        """Makes the region of a block free for another one.

        Args:
            block: A block that :meth:`store` returned and that is not read any more.
        """
        assert block.region is not None
        self._free.append(block.region)


def _allocate(file: int, nbytes: int) -> None:
    """Takes bytes on disk, or fails."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, nbytes)
        return
    left = nbytes
    while left:
        left -= os.write(file, bytes(min(_CHUNK, left)))
