"""The memory of a pool: keys and values of all blocks, in all lanes."""

from __future__ import annotations

import torch

from vidcache.cache.formats import KeyValueFormats

__all__ = ["BlockMemory"]


class BlockMemory:
    """Keys and values of blocks, allocated once.

    A lane's heads come before its frames, so that the blocks of a stream are gathered, or read
    where they lie, without turning anything around.

    Args:
        formats: How keys and values are stored.
        frame_shape: Lanes, heads, tokens and width of a head.
        num_blocks: Number of blocks.
        block_size: Frames a block.
        device: Where.

    Attributes:
        keys: (lanes, nh, num_blocks · block_size, N, hd).
        values: The same of the values.
        lanes: Views of each lane's keys and values.
        copied: Blocks copied so far.
    """

    def __init__(
        self,
        formats: KeyValueFormats,
        frame_shape: tuple[int, int, int, int],
        num_blocks: int,
        block_size: int,
        device: torch.device,
    ) -> None:
        num_lanes, heads, *frame = frame_shape
        shape = (num_lanes, heads, num_blocks * block_size, *frame)
        # A pool made in inference mode must be writable outside of it.
        with torch.inference_mode(False):
            self.keys = formats.key.empty(shape, device)
            self.values = formats.value.empty(shape, device)
        self.lanes = [(self.keys.at(lane), self.values.at(lane)) for lane in range(num_lanes)]
        self.copied = 0
        self._block_size = block_size

    @property
    def nbytes(self) -> int:
        """Bytes of keys, values and their scales."""
        return self.keys.nbytes + self.values.nbytes

    def clear(self, block: int) -> None:
        """Fills a block with zeros: what a stranger left there must not reach attention.

        Args:
            block: The block.
        """
        for part in (*self.keys.parts(), *self.values.parts()):
            part[:, :, self._span(block)].zero_()

    def copy(self, source: int, target: int) -> None:
        """Copies a block in all lanes.

        Args:
            source: The block to copy.
            target: The block to overwrite.
        """
        for part in (*self.keys.parts(), *self.values.parts()):
            part[:, :, self._span(target)].copy_(part[:, :, self._span(source)])
        self.copied += 1

    def _span(self, block: int) -> slice:
        return slice(block * self._block_size, (block + 1) * self._block_size)
