"""A block of frames: some bytes, and the keys and values that they are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vidcache.cache.formats import EncodedFrames, KeyValueFormats, StorageFormat
from vidcache.cache.layout import CacheLayout

__all__ = ["Block", "BlockLayout", "decoded"]

# Every part begins where numbers of any type may begin.
_ALIGNMENT = 64


@dataclass(frozen=True, eq=False)
class Block:
    """Frames that are archived together, in all lanes, as their storage format has them.

    Attributes:
        raw: All its bytes, uint8, (nbytes,); in host memory, or in a file that is mapped there.
        keys: The keys in them, (lanes, nh, F, N, hd).
        values: The same of the values.
        region: Which region of a file it is; None for a block in host memory.
    """

    raw: Tensor
    keys: EncodedFrames
    values: EncodedFrames
    region: int | None = None

    def put(self, frame: int, keys: EncodedFrames, values: EncodedFrames) -> None:
        """Writes one frame.

        Args:
            frame: Its place in the block.
            keys: Its keys, (lanes, nh, N, hd).
            values: Its values.
        """
        for mine, new in ((self.keys, keys), (self.values, values)):
            for part, new_part in zip(mine.parts(), new.parts(), strict=True):
                part[:, :, frame].copy_(new_part)


@dataclass(frozen=True)
class BlockLayout:
    """The shape of blocks.

    Attributes:
        layout: The shape of the cache that the frames come from.
        formats: How it stores keys and values.
        block_size: Frames F of a block.
    """

    layout: CacheLayout
    formats: KeyValueFormats
    block_size: int

    @property
    def num_keys(self) -> int:
        """Keys of a block in one lane and head."""
        return self.block_size * self.layout.num_tokens

    @property
    def nbytes(self) -> int:
        """Bytes of a block."""
        return sum(_aligned(nbytes) for _, _, nbytes in self._parts())

    def view(self, raw: Tensor, region: int | None = None) -> Block:
        """Returns the block that some bytes are; nothing is copied.

        Args:
            raw: Its bytes, uint8, (nbytes,).
            region: Which region of a file they are, or None.
        """
        parts: list[Tensor] = []
        start = 0
        for shape, dtype, nbytes in self._parts():
            parts.append(raw[start : start + nbytes].view(dtype).view(shape))
            start += _aligned(nbytes)
        keys, values = (
            EncodedFrames(parts.pop(0), parts.pop(0) if side.scaled else None)
            for side in (self.formats.key, self.formats.value)
        )
        return Block(raw, keys, values, region)

    def keys_of(self, block: Block) -> Tensor:
        """Returns the keys of a block as numbers, (lanes, nh, F·N, hd).

        Args:
            block: The block.
        """
        return decoded(block.keys, self.formats.key, self.formats.dtype).flatten(2, 3)

    def recode(self, block: Block, source: BlockLayout) -> Block:
        """Stores a block of other formats in these.

        Args:
            block: The block.
            source: Its layout, with the same frames.
        """
        new = self.view(torch.zeros(self.nbytes, dtype=torch.uint8))
        ours, theirs = self.formats, source.formats
        for stored, old, out, now in (
            (block.keys, theirs.key, new.keys, ours.key),
            (block.values, theirs.value, new.values, ours.value),
        ):
            encoded = now.encode(decoded(stored, old, theirs.dtype))
            for part, new_part in zip(out.parts(), encoded.parts(), strict=True):
                part.copy_(new_part)
        return new

    def _parts(self) -> list[tuple[tuple[int, ...], torch.dtype, int]]:
        """Lists shape, type and bytes of the parts in their order."""
        lanes, heads, num_tokens, head_dim = self.layout.frame_shape
        shape = (lanes, heads, self.block_size, num_tokens, head_dim)
        parts: list[tuple[tuple[int, ...], torch.dtype, int]] = []
        for side in (self.formats.key, self.formats.value):
            parts.append(_part(shape, side))
            if side.scaled:
                scales = shape[:-2]
                parts.append((scales, torch.float32, math.prod(scales) * torch.float32.itemsize))
        return parts


def decoded(stored: EncodedFrames, storage_format: StorageFormat, dtype: torch.dtype) -> Tensor:
    """Returns stored frames as numbers, without a copy where they are stored as such.

    Args:
        stored: The frames, (…, N, hd).
        storage_format: How they are stored.
        dtype: Of the numbers.
    """
    if storage_format.plain and storage_format.dtype == dtype:
        return stored.data
    out = torch.empty(stored.data.shape, dtype=dtype, device=stored.data.device)
    scales = None if stored.scales is None else stored.scales.to(dtype)
    storage_format.decode(EncodedFrames(stored.data, scales), out)
    return out


def _part(shape: tuple[int, ...], side: StorageFormat) -> tuple[tuple[int, ...], torch.dtype, int]:
    return shape, side.dtype, math.prod(shape) * side.dtype.itemsize


def _aligned(nbytes: int) -> int:
    return -(-nbytes // _ALIGNMENT) * _ALIGNMENT
