"""What one frame sees of the archive."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vidcache.cache.archive.block import Block, BlockLayout, decoded
from vidcache.cache.archive.open_blocks import OpenBlocks
from vidcache.cache.archive.read_ahead import LaneOfBlock, ReadAhead
from vidcache.cache.archive.summaries import Summaries
from vidcache.cache.archive.tiers import Tiers
from vidcache.cache.chosen_rows import ChosenRows, row_numbers
from vidcache.cache.formats import EncodedFrames, StorageFormat

__all__ = ["LookUps", "Retrieval"]

_KeysValues = tuple[EncodedFrames, EncodedFrames]


@dataclass
class LookUps:
    """Counts what look-ups found and how long they took."""

    host_hits: int = 0
    disk_hits: int = 0
    read_ahead_hits: int = 0
    misses: int = 0
    seconds: float = 0.0


class Retrieval:
    """Finds, for one new frame of every stepped row, what it sees of the archive in each lane.

    It sees the blocks that are being filled, whole, and the best of the sealed ones.

    Args:
        layout: The shape of blocks.
        tiers: The sealed blocks.
        summaries: Their summaries.
        open_blocks: The blocks that are being filled.
        read_ahead: What was read from disk already.
        look_ups: Where to count.
        rows: The K rows that are stepped.
        num_best: How many sealed blocks a lane sees at most.
        now: A number that grows with each step.
        device: Where attention takes place.
    """

    def __init__(
        self,
        layout: BlockLayout,
        tiers: Tiers,
        summaries: Summaries,
        open_blocks: OpenBlocks,
        read_ahead: ReadAhead,
        look_ups: LookUps,
        *,
        rows: ChosenRows,
        num_best: int,
        now: int,
        device: torch.device,
    ) -> None:
        self._layout = layout
        self._tiers = tiers
        self._summaries = summaries
        self._open_blocks = open_blocks
        self._read_ahead = read_ahead
        self._look_ups = look_ups
        self._now = now
        self._device = device

        self._rows = rows
        self._numbers = row_numbers(rows, len(tiers.order))
        sealed = tiers.order[rows] >= 0
        in_use = sealed.any(dim=0).nonzero()
        self._empty = ~sealed[:, : int(in_use[-1]) + 1 if len(in_use) else 0].to(device)
        present = sealed.sum(dim=1)
        self._num_best = min(num_best, int(present.max()))
        self._num_found = [min(num_best, count) for count in present.numpy().tolist()]
        self._shown = [open_blocks.shown(row) for row in self._numbers]
        self._shows_open = any(self._shown)
        self._found: list[tuple[int, list[list[int]]]] = []

    @property
    def empty(self) -> bool:
        """Whether nothing is archived."""
        return not self._num_best and not self._shows_open

    @property
    def rows(self) -> Tensor:
        """Which rows see anything archived, bool (K,)."""
        return (torch.tensor(self._shown) > 0) | (torch.tensor(self._num_found) > 0)

    def bias(self) -> Tensor | None:
        """Returns what is added to the scores, (K, 1, 1, keys); None where all keys count."""
        size = self._layout.block_size
        counts = [
            [size * (at < found) for at in range(self._num_best)] + [shown] * self._shows_open
            for found, shown in zip(self._num_found, self._shown, strict=True)
        ]
        hidden = torch.arange(size) >= torch.tensor(counts)[:, :, None]
        if not bool(hidden.any()):
            return None
        bias = torch.zeros(hidden.shape, dtype=self._layout.formats.dtype)
        bias.masked_fill_(hidden, -torch.inf)
        num_tokens = self._layout.layout.num_tokens
        return bias.flatten(1).repeat_interleave(num_tokens, dim=1)[:, None, None].to(self._device)

    def lane(self, lane: int, query: Tensor, log_sum: Tensor) -> tuple[Tensor, Tensor]:
        """Returns keys and values that the frame sees in a lane, (K, nh, keys, hd).

        Args:
            lane: The lane.
            query: Queries, (K, nh, N, hd).
            log_sum: Log-sum-exp of the scores that they have in the window, (K, nh, N, 1).
        """
        started = time.perf_counter()
        found: list[_KeysValues] = []
        places: list[list[int]] = [[] for _ in self._num_found]
        if self._num_best:
            best = self._summaries.search(
                lane, query, self._empty, log_sum, self._num_best, self._rows
            ).cpu()
            self._tiers.found(self._numbers, best, self._now)
            places = best.numpy().tolist()
            self._found.append((lane, places))
        for row, row_places, num_found in zip(self._numbers, places, self._num_found, strict=True):
            opened = _lane_of(self._open_blocks.blocks[row], lane)
            found += [self._block(row, place, lane) for place in row_places[:num_found]]
            # Rows that have fewer are filled up with what the bias hides.
            found += [opened] * (self._num_best - num_found + self._shows_open)
            self._look_ups.misses += not num_found
        formats = self._layout.formats
        keys = self._joined([keys for keys, _ in found], formats.key)
        values = self._joined([values for _, values in found], formats.value)
        self._look_ups.seconds += time.perf_counter() - started
        return keys, values

    def finish(self) -> None:
        """Asks for what the next frame may need to be read ahead."""
        if self._found and self._tiers.any_on_disk():
            self._read_ahead.request(self._wanted())

    def _block(self, row: int, place: int, lane: int) -> _KeysValues:
        block = self._tiers.blocks[row][place]
        assert block is not None
        if block.region is None:
            self._look_ups.host_hits += 1
            return _lane_of(block, lane)
        self._look_ups.disk_hits += 1
        ready = self._read_ahead.get((row, int(self._tiers.order[row, place]), lane))
        if ready is None:
            return _lane_of(block, lane)
        self._look_ups.read_ahead_hits += 1
        return ready

    def _joined(self, frames: list[EncodedFrames], storage_format: StorageFormat) -> Tensor:
        """Joins (nh, F, N, hd) of the rows, one after another, into (K, nh, keys, hd)."""
        data = torch.cat([part.data for part in frames], dim=1)
        scales = [part.scales for part in frames if part.scales is not None]
        stored = EncodedFrames(data, torch.cat(scales, dim=1) if scales else None)
        numbers = decoded(stored, storage_format, self._layout.formats.dtype)
        heads, num_rows, head_dim = len(numbers), len(self._num_found), numbers.shape[3]
        return numbers.view(heads, num_rows, -1, head_dim).transpose(0, 1).to(self._device)

    def _wanted(self) -> Iterator[tuple[LaneOfBlock, Block]]:
        """Names the blocks on disk that were found, and then their neighbours."""
        for step in (0, 1, -1):
            for lane, places in self._found:
                of_rows = zip(self._numbers, places, self._num_found, strict=True)
                for row, row_places, num_found in of_rows:
                    for place in row_places[:num_found]:
                        number = int(self._tiers.order[row, place]) + step
                        block = self._tiers.find(row, number)
                        if block is not None and block.region is not None:
                            yield (row, number, lane), block


def _lane_of(block: Block, lane: int) -> _KeysValues:
    return _indexed(block.keys, lane), _indexed(block.values, lane)


def _indexed(side: EncodedFrames, lane: int) -> EncodedFrames:
    return EncodedFrames(side.data[lane], None if side.scales is None else side.scales[lane])
