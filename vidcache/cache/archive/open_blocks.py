"""The block of each row that is being filled."""

from __future__ import annotations

import torch
from torch import Tensor

from vidcache.cache.archive.block import Block, BlockLayout
from vidcache.cache.formats import EncodedFrames
from vidcache.cache.frame_times import EMPTY

__all__ = ["OpenBlocks"]


class OpenBlocks:
    """Frames that left their slots and do not fill a block yet.

    A step puts the frame that leaves here before it overwrites its slot, and counts it when it
    commits. A step that fails in between leaves a slot half overwritten; the copy is what counts.

    Args:
        layout: The shape of a block.
        batch_size: Number of rows B.

    Attributes:
        raw: Bytes of the blocks, (B, nbytes).
        counts: How many frames each of them holds.
        blocks: The blocks.
    """

    def __init__(self, layout: BlockLayout, batch_size: int) -> None:
        self._layout = layout
        # Made in inference mode, it would not be writable outside of it.
        with torch.inference_mode(False):
            self.raw = torch.zeros(batch_size, layout.nbytes, dtype=torch.uint8)
            self.blocks: list[Block] = [layout.view(raw) for raw in self.raw]
        self.counts = [0] * batch_size
        self._staged = [EMPTY] * batch_size

    def shown(self, row: int) -> int:
        """Returns how many frames of a block a step sees, with the one that leaves in it.

        Args:
            row: The row.
        """
        return self.counts[row] + (self._staged[row] != EMPTY)

    def stage(
        self, rows: list[int], numbers: Tensor, keys: EncodedFrames, values: EncodedFrames
    ) -> None:
        """Takes the frames that leave in this step.

        Args:
            rows: The K rows that are stepped.
            numbers: Number of the frame that leaves each of them, int64 (K,); -1 where none does.
            keys: Keys of the frames of those rows that lose one, (leaving, lanes, nh, N, hd).
            values: Their values.
        """
        leaving = 0
        for row, number in zip(rows, numbers.numpy().tolist(), strict=True):
            if number != EMPTY:
                if self._staged[row] != number:
                    at = leaving
                    self.blocks[row].put(
                        self.counts[row],
                        keys.map(lambda part, at=at: part[at]),
                        values.map(lambda part, at=at: part[at]),
                    )
                leaving += 1
            self._staged[row] = number

    def commit(self, rows: list[int]) -> list[int]:
        """Counts the frames that were staged, and returns the rows whose blocks are full.

        Args:
            rows: The rows that are stepped.
        """
        full: list[int] = []
        for row in rows:
            if self._staged[row] != EMPTY:
                self.counts[row] += 1
                self._staged[row] = EMPTY
                if self.counts[row] == self._layout.block_size:
                    full.append(row)
        return full

    def take(self, row: int) -> Block:
        """Returns a copy of a row's block, and empties it.

        Args:
            row: The row.
        """
        block = self._layout.view(self.raw[row].clone())
        self.clear(row)
        return block

    def clear(self, row: int) -> None:
        """Empties the block of a row.

        Args:
            row: The row.
        """
        self.counts[row] = 0
        self._staged[row] = EMPTY
