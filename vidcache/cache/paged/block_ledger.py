"""Which blocks are free, and how many rows hold each of the others."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor

__all__ = ["BlockLedger"]


class BlockLedger:
    """Reference counts and the free list of a pool.

    Args:
        num_blocks: How many blocks there are.

    Attributes:
        ref_count: How many rows hold each block, int64 (num_blocks,).
        taken: Blocks taken so far.
    """

    def __init__(self, num_blocks: int) -> None:
        # The block that was freed longest ago comes first, and is taken first.
        self._free: OrderedDict[int, None] = OrderedDict.fromkeys(range(num_blocks))
        self.ref_count = torch.zeros(num_blocks, dtype=torch.int64)
        self.taken = 0

    @property
    def num_free(self) -> int:
        """Blocks that nobody holds."""
        return len(self._free)

    def take(self, preferred: int | None) -> int:
        """Takes a block that nobody holds; there must be one.

        Args:
            preferred: The block to take if it is free; else the one freed longest ago.
        """
        if preferred is not None and preferred in self._free:
            del self._free[preferred]
            block = preferred
        else:
            block = self._free.popitem(last=False)[0]
        self.ref_count[block] = 1
        self.taken += 1
        return block

    def share(self, blocks: Tensor) -> None:
        """Counts one more holder of each block.

        Args:
            blocks: Numbers of blocks, int64; one may come several times.
        """
        self.ref_count.index_add_(0, blocks, torch.ones_like(blocks))

    def release(self, blocks: Tensor) -> None:
        """Counts one holder less of each block; those without any are free.

        Args:
            blocks: Numbers of blocks, int64; one may come several times.
        """
        self.ref_count.index_add_(0, blocks, -torch.ones_like(blocks))
        for block in map(int, blocks):
            if self.ref_count[block] == 0:
                self._free[block] = None

    def find_run(self, length: int, reserved: list[range]) -> int | None:
        """Finds free blocks in a row, so that what lies there can be read without gathering.

        Args:
            length: How many blocks.
            reserved: Blocks that are free but spoken for.

        Returns:
            The first of them, or None where there is no such run.
        """
        free = self.ref_count == 0
        for blocks in reserved:
            free[blocks.start : blocks.stop] = False
        before = torch.nn.functional.pad(free.cumsum(0), (1, 0))
        begins = before[length:] - before[:-length] == length
        if not bool(begins.any()):
            return None
        found = set(map(int, begins.nonzero()[:, 0]))
        return next(block for block in self._free if block in found)
