"""Keys and values of a state in the blocks of a pool."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

from vidcache.cache.chosen_rows import ALL_ROWS, ChosenRows
from vidcache.cache.formats import EncodedFrames, StorageFormat
from vidcache.cache.layout import CacheLayout
from vidcache.cache.paged.lane_reader import LaneReader
from vidcache.cache.paged.pool import BlockPool
from vidcache.cache.storage import Place, Storage, StoredRows
from vidcache.errors import StateError

__all__ = ["PagedStorage"]


class PagedStorage:
    """Keys and values in blocks of a pool, which the rows of a block table point to.

    Args:
        layout: The shape.
        batch_size: Number of streams B.
        pool: Where the blocks are.

    Attributes:
        table: Block of each row's slots, int64 (B, blocks a row); -1 where none is taken yet.
        tick: When the state was last stepped.
        home: Blocks that this storage takes where they are free.

    Raises:
        StateError: The pool is made for frames of another shape.
    """

    def __init__(self, layout: CacheLayout, batch_size: int, pool: BlockPool) -> None:
        pool.require_shape(layout)
        self.layout = layout
        self.formats = pool.formats
        self.pool = pool
        shape = (batch_size, pool.blocks_of_row(layout))
        with torch.inference_mode(False):
            self.table = torch.full(shape, -1, dtype=torch.int64)
            self._lost = torch.zeros(batch_size, dtype=torch.bool)
        self.tick = pool.next_tick()
        self.home = range(0)
        self._reader = LaneReader(pool, layout.num_slots, shape)
        self._stale = True
        pool.admit(self)

    @property
    def batch_size(self) -> int:
        """Number of rows B."""
        return len(self.table)

    @property
    def device(self) -> torch.device:
        """Where keys and values are."""
        return self.pool.device

    @property
    def nbytes(self) -> int:
        """Bytes of the blocks that the rows hold; one that is shared counts once."""
        return len({int(block) for block in self.table[self.table >= 0]}) * self.pool.block_nbytes

    @property
    def scratch_nbytes(self) -> int:
        """Bytes that a lane is gathered and decoded into."""
        return self._reader.nbytes

    @property
    def num_blocks_at_most(self) -> int:
        """Blocks that the rows can come to hold, unless they were lost."""
        return int((~self._lost).sum()) * self.table.shape[1]

    def place(self, slots: Tensor, rows: ChosenRows = ALL_ROWS) -> Place:
        """Takes the blocks that new frames need; see :class:`Storage`.

        Raises:
            PoolFullError: There are too few.
            StateError: A row lost its blocks to other streams.
        """
        numbers = torch.arange(self.batch_size)[rows]
        self._require_present(numbers)
        size = self.pool.block_size
        with self.pool.lock:
            self.tick = self.pool.next_tick()
            of, frames = (slots >= 0).nonzero(as_tuple=True)
            at = slots[of, frames]
            entries = at.div(size, rounding_mode="floor")
            self._own(numbers[of], entries)
            at = self.table[numbers[of], entries] * size + at % size
        if slots.shape[1] == 1:
            return Place(rows, int(at[0]) if len(at) == 1 else at.to(self.device))
        return Place(rows, at.to(self.device), of.to(self.device), frames.to(self.device))

    def _own(self, rows: Tensor, entries: Tensor) -> None:
        """Makes the rows the only holders of some blocks of theirs, or changes nothing."""
        pool, ledger = self.pool, self.pool.ledger
        blocks = self.table[rows, entries]
        if bool((blocks >= 0).all()) and bool((ledger.ref_count[blocks] == 1).all()):
            return
        pairs = zip(map(int, rows), map(int, entries), strict=True)
        wanted = sorted(set(pairs))
        pool.collect()
        while (needed := self._num_to_take(wanted)) > ledger.num_free:
            pool.evict_for(self, needed)
        if not self.home:
            home = pool.home_for(self.table.numel())
            self.home = range(0) if home is None else range(home, home + self.table.numel())
        for row, entry in wanted:
            old = int(self.table[row, entry])
            if old >= 0 and ledger.ref_count[old] == 1:
                continue
            nearby = row * self.table.shape[1] + entry
            block = ledger.take(self.home[nearby] if self.home else None)
            if old >= 0:
                pool.memory.copy(old, block)
                ledger.release(torch.tensor([old]))
            else:
                pool.memory.clear(block)
            self.table[row, entry] = block
        self._stale = True

    def _num_to_take(self, wanted: list[tuple[int, int]]) -> int:
        """Counts the blocks that are missing or must be copied."""
        held = Counter(int(self.table[row, entry]) for row, entry in wanted)
        missing = held.pop(-1, 0)
        # Of rows that share a block with nobody else, the last one to write keeps it.
        counts = self.pool.ledger.ref_count
        return missing + sum(n - int(counts[block] == n) for block, n in held.items())

    def write_frame(self, lane: int, place: Place, key: Tensor, value: Tensor) -> None:
        """Writes one frame of every chosen row in place; see :class:`Storage`."""
        for storage_format, stored, new in self._sides(lane, key, value):
            for part, encoded in zip(
                stored.parts(), storage_format.encode(new).parts(), strict=True
            ):
                if isinstance(place.at, int):
                    part[:, place.at].copy_(encoded[0])
                else:
                    part.index_copy_(1, place.at, encoded.transpose(0, 1))

    def write_chunk(self, lane: int, place: Place, key: Tensor, value: Tensor) -> None:
        """Writes the frames of a chunk that have a place; see :class:`Storage`."""
        for storage_format, stored, new in self._sides(lane, key, value):
            by_frame = torch.unflatten(new, 2, (-1, self.layout.num_tokens))
            encoded = storage_format.encode(by_frame[place.rows, :, place.frames])
            for part, new_part in zip(stored.parts(), encoded.parts(), strict=True):
                part[:, place.at] = new_part.transpose(0, 1)

    def lane(self, lane: int, place: Place) -> tuple[Tensor, Tensor]:
        """Returns a lane's keys and values, (K, nh, S·N, hd); see :class:`Storage`."""
        if self._stale:
            self._reader.point_at(self.table)
            self._stale = False
        return self._reader.read(lane, place.chosen)

    def round_trip(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Returns keys and values as they will be read; see :class:`Storage`."""
        return self._reader.round_trip(key, value, self.layout.num_tokens)

    def new(self, batch_size: int) -> PagedStorage:
        """Returns an empty storage in the same pool."""
        return PagedStorage(self.layout, batch_size, self.pool)

    def take_over(self, rows: Tensor, other: Storage, other_rows: Tensor, held: Tensor) -> None:
        """Shares the blocks of rows in the same pool, and copies others; see :class:`Storage`."""
        if not isinstance(other, PagedStorage) or other.pool is not self.pool:
            self.write_rows(rows, other.read_rows(other_rows), held)
            return
        other._require_present(other_rows)
        with self.pool.lock:
            table = other.table[other_rows]
            self.pool.ledger.share(table[table >= 0])
            self._replace(rows, table)

    def read_rows(self, rows: Tensor) -> StoredRows:
        """Returns a copy of rows; see :class:`Storage`."""
        self._require_present(rows)
        size, num_slots = self.pool.block_size, self.layout.num_slots
        blocks = self.table[rows]
        blocks = torch.where(blocks < 0, self.pool.num_blocks, blocks)
        frames = (blocks[..., None] * size + torch.arange(size)).flatten(1)[:, :num_slots]
        at = frames.flatten().to(self.device)

        def gather(part: Tensor) -> Tensor:
            found = torch.unflatten(part.index_select(2, at), 2, frames.shape)
            return found.transpose(1, 2)

        return StoredRows(self.pool.memory.keys.map(gather), self.pool.memory.values.map(gather))

    def read_frames(self, rows: Tensor, slots: Tensor) -> tuple[EncodedFrames, EncodedFrames]:
        """Returns a copy of single frames; see :class:`Storage`."""
        self._require_present(rows)
        size = self.pool.block_size
        blocks = self.table[rows, slots.div(size, rounding_mode="floor")]
        at = (blocks * size + slots % size).to(self.device)
        return (
            self.pool.memory.keys.map(lambda part: part.index_select(2, at).movedim(2, 0)),
            self.pool.memory.values.map(lambda part: part.index_select(2, at).movedim(2, 0)),
        )

    def write_rows(self, rows: Tensor, stored: StoredRows, held: Tensor) -> None:
        """Replaces rows; see :class:`Storage`.

        Raises:
            PoolFullError: There are too few blocks. Then nothing has changed.
        """
        size = self.pool.block_size
        taken, slots = held.nonzero(as_tuple=True)
        entries = slots.div(size, rounding_mode="floor")
        with self.pool.lock:
            self._own(rows[taken], entries)
            at = (self.table[rows[taken], entries] * size + slots % size).to(self.device)
            needed = torch.zeros(len(rows), self.table.shape[1], dtype=torch.bool)
            needed[taken, entries] = True
            kept = torch.where(needed, self.table[rows], -1)
            self.pool.ledger.share(kept[needed])
            self._replace(rows, kept)
        for mine, new in (
            (self.pool.memory.keys, stored.keys),
            (self.pool.memory.values, stored.values),
        ):
            for part, new_part in zip(mine.parts(), new.parts(), strict=True):
                by_slot = new_part.transpose(1, 2)[:, :, taken, slots]
                part.index_copy_(2, at, by_slot.to(self.device))

    def keep(self, held: Tensor) -> None:
        """Gives back the blocks in which no slot holds a frame; see :class:`Storage`."""
        num_rows, num_entries = self.table.shape
        padded = torch.zeros(num_rows, num_entries * self.pool.block_size, dtype=torch.bool)
        padded[:, : held.shape[1]] = held
        unused = ~padded.view(num_rows, num_entries, -1).any(dim=2)
        with self.pool.lock:
            self.pool.ledger.release(self.table[unused & (self.table >= 0)])
            self.table[unused] = -1
            self._lost &= held.any(dim=1)
            self._stale = True

    def lose_blocks(self) -> None:
        """Gives all blocks back for others to use; rows that had some must be reset."""
        held = self.table >= 0
        self.pool.ledger.release(self.table[held])
        self._lost |= held.any(dim=1)
        self.table.fill_(-1)
        self._stale = True

    def _replace(self, rows: Tensor, table: Tensor) -> None:
        """Points rows to other blocks, which are counted as theirs already."""
        old = self.table[rows]
        self.pool.ledger.release(old[old >= 0])
        self.table[rows] = table
        self._lost[rows] = False
        self._stale = True

    def _require_present(self, rows: Tensor) -> None:
        lost = [int(row) for row in rows[self._lost[rows]]]
        if lost:
            raise StateError(
                f"rows {lost} lost their blocks to other streams when the pool was full: reset "
                "them and let their streams begin again, or give the pool a larger budget"
            )

    def _sides(
        self, lane: int, key: Tensor, value: Tensor
    ) -> list[tuple[StorageFormat, EncodedFrames, Tensor]]:
        keys, values = self.pool.memory.lanes[lane]
        return [(self.formats.key, keys, key), (self.formats.value, values, value)]
