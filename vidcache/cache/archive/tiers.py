"""Which block of a row lies where, and which one goes when there is no room."""

from __future__ import annotations

import torch
from torch import Tensor

from vidcache.cache.archive.block import Block
from vidcache.cache.archive.block_file import BlockFile
from vidcache.cache.archive.sizes import ArchiveSizes

__all__ = ["Tiers"]

_LATER = 1 << 62


class Tiers:
    """The blocks of every row, in host memory and on disk.

    A new block goes to host memory. If there is no room, the block there that was found longest
    ago goes to disk, and of the blocks on disk the one found longest ago is dropped for it.

    Args:
        sizes: How many blocks a row may have in each tier.
        batch_size: Number of rows B.
        file: Where blocks on disk are; None without a disk.

    Attributes:
        order: Number of each block among all that its row ever had, int64 (B, places); -1 where
            a place holds none.
        last_found: When it was last found, int64 (B, places).
        blocks: The blocks themselves, by row and place.
        num_sealed: How many blocks each row ever had.
        demoted: Blocks that went to disk so far.
        disk_error: Why the disk is used no more, or None.
    """

    def __init__(self, sizes: ArchiveSizes, batch_size: int, file: BlockFile | None) -> None:
        shape = (batch_size, sizes.num_places)
        self._sizes = sizes
        self._file = file
        with torch.inference_mode(False):
            self.order = torch.full(shape, -1, dtype=torch.int64)
            self.last_found = torch.zeros(shape, dtype=torch.int64)
            self._on_disk = torch.zeros(shape, dtype=torch.bool)
        self.blocks: list[list[Block | None]] = [
            [None] * sizes.num_places for _ in range(batch_size)
        ]
        self._place_of: list[dict[int, int]] = [{} for _ in range(batch_size)]
        self.num_sealed = [0] * batch_size
        self.demoted = 0
        self.disk_error: str | None = None

    def counts(self) -> tuple[int, int]:
        """Returns how many blocks there are in host memory and on disk, over all rows."""
        on_disk = int(self._on_disk.sum())
        return int((self.order >= 0).sum()) - on_disk, on_disk

    def any_on_disk(self) -> bool:
        """Says whether any block is on disk."""
        return self._file is not None and bool(self._on_disk.any())

    def places(self, row: int) -> list[int]:
        """Returns the places of a row that hold a block, in their order.

        Args:
            row: The row.
        """
        return sorted(self._place_of[row].values())

    def find(self, row: int, number: int) -> Block | None:
        """Returns a block by its number, or None where it is gone.

        Args:
            row: Its row.
            number: Its number among all blocks of its row.
        """
        place = self._place_of[row].get(number)
        return None if place is None else self.blocks[row][place]

    def add(self, row: int, block: Block, number: int, now: int) -> int:
        """Takes in a new block.

        Args:
            row: Its row.
            block: The block, in host memory.
            number: Its number among all blocks of its row.
            now: The time, as :meth:`found` counts it.

        Returns:
            Its place.
        """
        in_host = (self.order[row] >= 0) & ~self._on_disk[row]
        if int(in_host.sum()) == self._sizes.host_blocks:
            self._demote(row, self._oldest(row, in_host))
        place = int((self.order[row] < 0).int().argmax())
        self.put(row, place, block, number, now)
        return place

    def put(self, row: int, place: int, block: Block, number: int, last_found: int) -> None:
        """Puts a block into a place that holds none.

        Args:
            row: Its row.
            place: Its place.
            block: The block.
            number: Its number among all blocks of its row.
            last_found: When it was last found.
        """
        self.blocks[row][place] = block
        self.order[row, place] = number
        self.last_found[row, place] = last_found
        self._on_disk[row, place] = block.region is not None
        self._place_of[row][number] = place

    def store(self, block: Block) -> Block | None:
        """Writes a block to disk; None, and no disk from then on, if that fails.

        Args:
            block: The block.
        """
        if self._file is None or self.disk_error is not None:
            return None
        try:
            return self._file.store(block)
        except OSError as error:
            self.disk_error = error.strerror or str(error)
            return None

    def found(self, rows: list[int], places: Tensor, now: int) -> None:
        """Takes note of blocks that were found.

        Args:
            rows: The rows that were looked up.
            places: The places of the blocks in each of these rows, int64 (rows, blocks).
            now: A number that grows with time.
        """
        self.last_found[torch.tensor(rows)[:, None], places] = now

    def clear(self, row: int) -> None:
        """Forgets all blocks of a row.

        Args:
            row: The row.
        """
        for place in self.places(row):
            self._remove(row, place)
        self.num_sealed[row] = 0

    def _demote(self, row: int, place: int) -> None:
        """Moves a block from host memory to disk, or drops it where that cannot be."""
        block = self.blocks[row][place]
        assert block is not None
        number, last_found = int(self.order[row, place]), int(self.last_found[row, place])
        self._remove(row, place)
        if self._file is None or self.disk_error is not None:
            return
        if int(self._on_disk[row].sum()) == self._sizes.disk_blocks:
            self._remove(row, self._oldest(row, self._on_disk[row]))
        stored = self.store(block)
        if stored is not None:
            self.put(row, place, stored, number, last_found)
            self.demoted += 1

    def _remove(self, row: int, place: int) -> None:
        block = self.blocks[row][place]
        if block is not None and block.region is not None and self._file is not None:
            self._file.release(block)
        self._place_of[row].pop(int(self.order[row, place]), None)
        self.blocks[row][place] = None
        self.order[row, place] = -1
        self._on_disk[row, place] = False

    def _oldest(self, row: int, among: Tensor) -> int:
        """Finds the block that was found longest ago; of several the first one made."""
        last = torch.where(among, self.last_found[row], _LATER)
        return int(torch.where(last == last.min(), self.order[row], _LATER).argmin())
