"""Lanes of a paged state as attention reads them."""

from __future__ import annotations

import torch
from torch import Tensor

from vidcache.cache.formats import Decoder, EncodedFrames
from vidcache.cache.paged.pool import BlockPool

__all__ = ["LaneReader"]


class LaneReader:
    """Gives attention the slots of every row, wherever their blocks are.

    Blocks that follow each other are read where they lie, without a copy. Others are gathered into
    memory that is allocated once; a missing block is the empty one of the pool.

    Args:
        pool: Where the blocks are.
        num_slots: Slots S of a row.
    """

    def __init__(self, pool: BlockPool, num_slots: int) -> None:
        self._pool = pool
        self._num_slots = num_slots
        self._lanes = pool.memory.lanes
        self._decoders = (
            Decoder(pool.formats.key, pool.formats.dtype),
            Decoder(pool.formats.value, pool.formats.dtype),
        )
        self._blocks = torch.empty(0, dtype=torch.int64)
        self._num_rows = 0
        self._in_place: slice | None = None
        self._gathered: tuple[EncodedFrames, EncodedFrames] | None = None
        self._views: list[tuple[Tensor, Tensor] | None] = []

    @property
    def nbytes(self) -> int:
        """Bytes that lanes are gathered and decoded into."""
        gathered = sum(side.nbytes for side in self._gathered or ())
        return gathered + sum(decoder.nbytes for decoder in self._decoders)

    def point_at(self, table: Tensor) -> None:
        """Takes note of a block table that has changed.

        Args:
            table: Block of each row's slots, (B, blocks a row); -1 where there is none.
        """
        pool, blocks = self._pool, table.flatten()
        self._num_rows = len(table)
        self._views = [None] * len(self._lanes)
        first = int(blocks[0])
        in_a_row = torch.equal(blocks, torch.arange(first, first + len(blocks)))
        if first >= 0 and in_a_row:
            begin = first * pool.block_size
            self._in_place = slice(begin, begin + len(blocks) * pool.block_size)
            self._gathered = None
            return
        self._in_place = None
        self._blocks = torch.where(blocks < 0, pool.num_blocks, blocks).to(pool.device)

    def read(self, lane: int) -> tuple[Tensor, Tensor]:
        """Returns a lane's keys and values, (B, nh, S·N, hd), valid until the next call.

        Args:
            lane: The lane.
        """
        views = self._views[lane]
        if views is not None:
            return views
        stored = self._gather(lane) if self._in_place is None else self._slices(lane)
        keys, values = (
            self._by_row(decoder.decode(side))
            for decoder, side in zip(self._decoders, stored, strict=True)
        )
        if self._in_place is not None and all(decoder.direct for decoder in self._decoders):
            self._views[lane] = (keys, values)
        return keys, values

    def round_trip(self, key: Tensor, value: Tensor, num_tokens: int) -> tuple[Tensor, Tensor]:
        """Returns keys and values as they will be read once they are stored.

        Args:
            key: (B, nh, T·N, hd).
            value: (B, nh, T·N, hd).
            num_tokens: Tokens N of a frame.
        """
        keys, values = self._decoders
        return keys.round_trip(key, num_tokens), values.round_trip(value, num_tokens)

    def _slices(self, lane: int) -> tuple[EncodedFrames, EncodedFrames]:
        assert self._in_place is not None
        frames = (slice(None), self._in_place)
        keys, values = self._lanes[lane]
        return keys.at(frames), values.at(frames)

    def _gather(self, lane: int) -> tuple[EncodedFrames, EncodedFrames]:
        size = self._pool.block_size
        if self._gathered is None:
            heads, num_frames = self._pool.frame_shape[1], len(self._blocks) * size
            shape = (heads, num_frames, *self._pool.frame_shape[2:])
            with torch.inference_mode(False):
                self._gathered = (
                    self._pool.formats.key.empty(shape, self._pool.device),
                    self._pool.formats.value.empty(shape, self._pool.device),
                )
        for stored, scratch in zip(self._lanes[lane], self._gathered, strict=True):
            for part, out in zip(stored.parts(), scratch.parts(), strict=True):
                by_block = torch.unflatten(part, 1, (-1, size))
                gathered = torch.unflatten(out, 1, (-1, size))
                torch.index_select(by_block, 1, self._blocks, out=gathered)
        return self._gathered

    def _by_row(self, frames: Tensor) -> Tensor:
        """Turns frames of all rows, (nh, B · frames, N, hd), into (B, nh, S·N, hd); no copy."""
        rows = torch.unflatten(frames, 1, (self._num_rows, -1))
        return rows[:, :, : self._num_slots].flatten(2, 3).transpose(0, 1)
