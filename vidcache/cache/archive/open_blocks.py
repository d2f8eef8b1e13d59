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

    @property
    def shown(self) -> list[int]:
        """How many frames of each block a step sees, with those that leave in it."""
        return [
            count + (staged != EMPTY)
            for count, staged in zip(self.counts, self._staged, strict=True)
        ]

    def stage(self, numbers: Tensor, keys: EncodedFrames, values: EncodedFrames) -> None:
        """Takes the frames that leave in this step.

        Args:
            numbers: Number of the frame that leaves each row, int64 (B,); -1 where none does.
            keys: Keys of the frames of those rows that lose one, (K, lanes, nh, N, hd).
            values: Their values.
        """
        leaving = 0
        for row, number in enumerate(numbers.numpy().tolist()):
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

    def commit(self) -> list[int]:
        """Counts the frames that were staged, and returns the rows whose blocks are full."""
        full: list[int] = []
        for row, staged in enumerate(self._staged):
            if staged != EMPTY:
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
