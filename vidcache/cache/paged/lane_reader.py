"""Lanes of a paged state as attention reads them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vidcache.cache.chosen_rows import ALL_ROWS, ChosenRows
from vidcache.cache.formats import Decoder, EncodedFrames, Scratch
from vidcache.cache.paged.pool import BlockPool

__all__ = ["LaneReader"]


class LaneReader:
    """Gives attention the slots of rows, wherever their blocks are.

    Blocks that follow each other are read where they lie, without a copy. Others are gathered into
    memory that is allocated once; a missing block is the empty one of the pool.

    Args:
        pool: Where the blocks are.
        num_slots: Slots S of a row.
        table_shape: Number of rows, and of the blocks of each.
    """

    def __init__(self, pool: BlockPool, num_slots: int, table_shape: tuple[int, int]) -> None:
        self._pool = pool
        self._num_slots = num_slots
        self._lanes = pool.memory.lanes
        formats, device = pool.formats, pool.device
        heads, num_frames = pool.frame_shape[1], math.prod(table_shape) * pool.block_size
        shape = (heads, num_frames, *pool.frame_shape[2:])
        self._decoders = (
            Decoder(formats.key, formats.dtype, shape, device),
            Decoder(formats.value, formats.dtype, shape, device),
        )
        self._gathered = (
            Scratch.as_stored(formats.key, shape, device),
            Scratch.as_stored(formats.value, shape, device),
        )
        self._table = torch.empty(table_shape, dtype=torch.int64)
        self._rows: ChosenRows | None = None
        self._blocks = torch.empty(0, dtype=torch.int64)
        self._num_rows = 0
        self._in_place: slice | None = None
        self._views: list[tuple[Tensor, Tensor] | None] = []

    @property
    def nbytes(self) -> int:
        """Bytes that lanes are gathered and decoded into."""
        gathered = sum(side.nbytes for side in self._gathered)
        return gathered + sum(decoder.nbytes for decoder in self._decoders)

    def point_at(self, table: Tensor) -> None:
        """Takes note of a block table that has changed.

        Args:
            table: Block of each row's slots, (B, blocks a row); -1 where there is none.
        """
        self._table = table
        self._choose(ALL_ROWS)
        if self._in_place is not None:
            for side in self._gathered:
                side.release()

    def _choose(self, rows: ChosenRows) -> None:
        """Finds out where the blocks of rows are."""
        pool, table = self._pool, self._table[rows]
        blocks = table.flatten()
        self._rows, self._num_rows = rows, len(table)
        self._views = [None] * len(self._lanes)
        first = int(blocks[0])
        in_a_row = torch.equal(blocks, torch.arange(first, first + len(blocks)))
        if first >= 0 and in_a_row:
            begin = first * pool.block_size
            self._in_place = slice(begin, begin + len(blocks) * pool.block_size)
            return
        self._in_place = None
        self._blocks = torch.where(blocks < 0, pool.num_blocks, blocks).to(pool.device)

    def read(self, lane: int, rows: ChosenRows) -> tuple[Tensor, Tensor]:
        """Returns keys and values of a lane, valid until the next call.

        Args:
            lane: The lane.
            rows: The K rows.

        Returns:
            (K, nh, S·N, hd) each.
        """
        if rows is not self._rows:
            self._choose(rows)
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
            key: (K, nh, T·N, hd).
            value: (K, nh, T·N, hd).
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
        keys, values = (
            self._gather_side(stored, room)
            for stored, room in zip(self._lanes[lane], self._gathered, strict=True)
        )
        return keys, values

    def _gather_side(self, stored: EncodedFrames, room: Scratch) -> EncodedFrames:
        size, (heads, _, *frame) = self._pool.block_size, stored.data.shape
        gathered = room.frames((heads, len(self._blocks) * size, *frame))
        for part, out in zip(stored.parts(), gathered.parts(), strict=True):
            by_block = torch.unflatten(part, 1, (-1, size))
            torch.index_select(by_block, 1, self._blocks, out=torch.unflatten(out, 1, (-1, size)))
        return gathered

    def _by_row(self, frames: Tensor) -> Tensor:
        """Turns frames of the rows, (nh, K · frames, N, hd), into (K, nh, S·N, hd); no copy."""
        rows = torch.unflatten(frames, 1, (self._num_rows, -1))
        return rows[:, :, : self._num_slots].flatten(2, 3).transpose(0, 1)
