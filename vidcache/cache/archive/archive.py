"""The archive of a state: frames that left the window, and come back when they are asked for."""

from __future__ import annotations

import torch
from torch import Tensor

from vidcache.cache.archive.block import BlockLayout
from vidcache.cache.archive.block_file import BlockFile
from vidcache.cache.archive.config import ArchiveConfig
from vidcache.cache.archive.open_blocks import OpenBlocks
from vidcache.cache.archive.read_ahead import ReadAhead
from vidcache.cache.archive.retrieval import LookUps, Retrieval
from vidcache.cache.archive.sizes import ArchiveSizes
from vidcache.cache.archive.stats import ArchiveStats
from vidcache.cache.archive.summaries import Summaries
from vidcache.cache.archive.tiers import Tiers
from vidcache.cache.chosen_rows import ALL_ROWS, ChosenRows, row_numbers
from vidcache.cache.formats import KeyValueFormats
from vidcache.cache.frame_times import EMPTY
from vidcache.cache.layout import CacheLayout
from vidcache.cache.storage import Storage
from vidcache.errors import StateError

__all__ = ["Archive"]


class Archive:
    """Frames of every row that left their slots, whole and in all lanes.

    A frame is archived when its slot is about to be overwritten, so that every frame of the stream
    is in a slot, in the block that is being filled, or in a sealed block, until the budgets are
    used up. A full block is sealed: it never changes again, and can be found by its summary.

    A frame is out of reach of every rollback before its slot is overwritten, so none that is
    archived can be taken back; a rollback leaves the archive as it is.

    Args:
        config: The settings.
        layout: The shape of the cache.
        formats: How it stores keys and values; the archive keeps them like that.
        batch_size: Number of rows B.
        device: Where attention takes place.

    Raises:
        ConfigError: The budgets hold no block, or the file cannot be made.
    """

    def __init__(
        self,
        config: ArchiveConfig,
        layout: CacheLayout,
        formats: KeyValueFormats,
        batch_size: int,
        device: torch.device,
    ) -> None:
        self.config = config
        self.device = device
        self.batch_size = batch_size
        self._layout = blocks = BlockLayout(layout, formats, config.block_size)
        self._sizes = sizes = ArchiveSizes.within(config, blocks)
        file = None
        if sizes.disk_blocks and config.folder is not None:
            file = BlockFile(config.folder, blocks, batch_size * sizes.disk_blocks)
        self._tiers = Tiers(sizes, batch_size, file)
        self._open_blocks = OpenBlocks(blocks, batch_size)
        self._summaries = Summaries(
            layout.num_lanes,
            batch_size,
            layout.num_heads,
            sizes.num_places,
            layout.head_dim,
            num_keys=blocks.num_keys,
            dtype=torch.promote_types(formats.dtype, torch.float32),
            device=device,
        )
        self._read_ahead = ReadAhead(batch_size * sizes.read_ahead_lanes)
        self._look_ups = LookUps()
        self._clock = 0

    def begin(
        self, storage: Storage, held: Tensor, slots: Tensor, rows: ChosenRows = ALL_ROWS
    ) -> Retrieval:
        """Takes the frames whose slots are about to be overwritten, and looks up the archive.

        Args:
            storage: Where the frames are.
            held: Numbers of the frames in the slots, int64 (K, S); -1 in empty ones.
            slots: The slot of each row that the new frame takes, int64 (K,).
            rows: The K rows that are stepped.

        Returns:
            What the new frame sees. Nothing is archived before :meth:`commit`.
        """
        frames = held.gather(1, slots[:, None])[:, 0]
        leaving = (frames != EMPTY).nonzero()[:, 0]
        numbers = row_numbers(rows, self.batch_size)
        stored = storage.read_frames(torch.tensor(numbers)[leaving], slots[leaving])
        self._open_blocks.stage(numbers, frames, *stored)
        return Retrieval(
            self._layout,
            self._tiers,
            self._summaries,
            self._open_blocks,
            self._read_ahead,
            self._look_ups,
            rows=rows,
            num_best=self.config.retrieve_blocks,
            now=self._clock + 1,
            device=self.device,
        )

    def commit(self, rows: ChosenRows = ALL_ROWS) -> None:
        """Archives the frames that :meth:`begin` took, and seals the blocks that are full.

        Args:
            rows: The rows that are stepped.
        """
        self._clock += 1
        for row in self._open_blocks.commit(row_numbers(rows, self.batch_size)):
            block = self._open_blocks.take(row)
            number = self._tiers.num_sealed[row]
            place = self._tiers.add(row, block, number, self._clock)
            self._tiers.num_sealed[row] = number + 1
            self._summaries.put(row, place, self._layout.keys_of(block))

    def reset(self, rows: Tensor) -> None:
        """Forgets rows.

        Args:
            rows: Numbers of the rows, int64.
        """
        for row in rows.numpy().tolist():
            self._open_blocks.clear(row)
            self._tiers.clear(row)
        self._read_ahead.forget()

    def new(self, batch_size: int) -> Archive:
        """Returns an empty archive of the same settings, with a file of its own.

        Args:
            batch_size: Number of its rows.
        """
        layout = self._layout
        return Archive(self.config, layout.layout, layout.formats, batch_size, self.device)

    def take_over(self, rows: Tensor, other: Archive, other_rows: Tensor) -> None:
        """Puts rows of another archive in the place of rows here.

        Blocks in host memory are shared: they never change. Those on disk are copied, since two
        archives have no file in common.

        Args:
            rows: The rows to replace, int64 (K,).
            other: An archive of the same settings and formats; it is not changed.
            other_rows: The rows to take, int64 (K,).
        """
        self.reset(rows)
        self._clock = max(self._clock, other._clock)
        tiers, theirs = self._tiers, other._tiers
        for row, other_row in zip(map(int, rows), map(int, other_rows), strict=True):
            self._take_open(row, other, other_row)
            for place in theirs.places(other_row):
                block = theirs.blocks[other_row][place]
                if block is not None and block.region is not None:
                    block = tiers.store(block)
                if block is not None:
                    number = int(theirs.order[other_row, place])
                    tiers.put(row, place, block, number, int(theirs.last_found[other_row, place]))
                    self._summaries.take_over(row, place, other._summaries, other_row, place)

    def to(self, formats: KeyValueFormats, device: torch.device) -> Archive:
        """Returns a copy for a cache on another device or in other formats.

        Args:
            formats: How that cache stores keys and values. Where they take more bytes, the blocks
                that were found longest ago are dropped.
            device: Where its attention takes place.
        """
        copy = Archive(self.config, self._layout.layout, formats, self.batch_size, device)
        rows = torch.arange(self.batch_size)
        if formats == self._layout.formats:
            copy.take_over(rows, self, rows)
            return copy
        copy._clock = self._clock
        tiers = self._tiers
        for row in range(self.batch_size):
            copy._take_open(row, self, row)
            last_found = tiers.last_found[row]
            for place in sorted(tiers.places(row), key=lambda place: int(last_found[place])):
                block = tiers.blocks[row][place]
                assert block is not None
                block = copy._layout.recode(block, self._layout)
                number = int(tiers.order[row, place])
                at = copy._tiers.add(row, block, number, int(last_found[place]))
                copy._summaries.put(row, at, copy._layout.keys_of(block))
        return copy

    def tensors(self) -> dict[str, Tensor]:
        """Returns everything the archive holds, by name, for saving."""
        tiers = self._tiers
        every = [block for row in tiers.blocks for block in row if block is not None]
        raw = [block.raw for block in every]
        blank = torch.zeros(0, self._layout.nbytes, dtype=torch.uint8)
        return {
            "open": self._open_blocks.raw,
            "open_counts": torch.tensor(self._open_blocks.counts),
            "num_sealed": torch.tensor(tiers.num_sealed),
            "order": tiers.order,
            "last_found": tiers.last_found,
            "blocks": torch.stack(raw) if raw else blank,
            "on_disk": torch.tensor(
                [block.region is not None for block in every], dtype=torch.bool
            ),
            "clock": torch.tensor(self._clock),
        }

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Takes over what :meth:`tensors` gave, into an archive that is empty.

        Args:
            tensors: The tensors by name.

        Raises:
            StateError: They are not those of an archive of these settings.
        """
        blank = self.tensors()
        for name, tensor in blank.items():
            saved, grows = tensors.get(name), name in ("blocks", "on_disk")
            if (
                saved is None
                or saved.dtype != tensor.dtype
                or (saved.shape[grows:] != tensor.shape[grows:])
            ):
                raise StateError(f"the archive's {name} is not as its settings need it")
        self._require_sound(tensors)
        tiers = self._tiers
        self._clock = int(tensors["clock"])
        self._open_blocks.raw.copy_(tensors["open"])
        self._open_blocks.counts[:] = tensors["open_counts"].numpy().tolist()
        tiers.num_sealed[:] = tensors["num_sealed"].numpy().tolist()
        where = (tensors["order"] >= 0).nonzero().numpy().tolist()
        saved_blocks = zip(
            where, tensors["blocks"], tensors["on_disk"].numpy().tolist(), strict=True
        )
        for (row, place), raw, on_disk in saved_blocks:
            block = self._layout.view(raw.clone())
            self._summaries.put(row, place, self._layout.keys_of(block))
            stored = tiers.store(block) if on_disk else block
            if stored is not None:
                order, last_found = tensors["order"][row, place], tensors["last_found"][row, place]
                tiers.put(row, place, stored, int(order), int(last_found))

    def stats(self) -> ArchiveStats:
        """Returns the figures of the archive."""
        in_host, on_disk = self._tiers.counts()
        size, nbytes = self._layout.block_size, self._layout.nbytes
        num_sealed, look_ups = sum(self._tiers.num_sealed), self._look_ups
        ahead = self.batch_size * self._sizes.read_ahead_lanes // self._layout.layout.num_lanes
        return ArchiveStats(
            appended=num_sealed * size + sum(self._open_blocks.counts),
            host_blocks=in_host,
            disk_blocks=on_disk,
            host_nbytes=(in_host + self.batch_size + ahead) * nbytes + self._summaries.nbytes,
            disk_nbytes=on_disk * nbytes,
            demoted=self._tiers.demoted,
            dropped=num_sealed - in_host - on_disk,
            host_hits=look_ups.host_hits,
            disk_hits=look_ups.disk_hits,
            read_ahead_hits=look_ups.read_ahead_hits,
            misses=look_ups.misses,
            retrieved_frames=(look_ups.host_hits + look_ups.disk_hits) * size,
            look_up_seconds=look_ups.seconds,
            disk_error=self._tiers.disk_error,
        )

    def _require_sound(self, tensors: dict[str, Tensor]) -> None:
        """Refuses counts that do not fit together."""
        taken, on_disk = tensors["order"] >= 0, tensors["on_disk"]
        if int(taken.sum()) == len(on_disk) == len(tensors["blocks"]):
            disk = torch.zeros_like(taken).masked_scatter_(taken, on_disk)
            fits = (
                (disk.sum(dim=1) <= self._sizes.disk_blocks)
                & ((taken & ~disk).sum(dim=1) <= self._sizes.host_blocks)
                & (tensors["order"].amax(dim=1) < tensors["num_sealed"])
                & (tensors["open_counts"] >= 0)
                & (tensors["open_counts"] < self._layout.block_size)
            )
            if bool(fits.all()):
                return
        raise StateError("the archive's blocks are not as its settings allow")

    def _take_open(self, row: int, other: Archive, other_row: int) -> None:
        """Copies the block that a row of another archive is filling."""
        theirs, block = other._open_blocks, other._open_blocks.blocks[other_row]
        if other._layout.formats != self._layout.formats:
            block = self._layout.recode(block, other._layout)
        self._open_blocks.raw[row].copy_(block.raw)
        self._open_blocks.counts[row] = theirs.counts[other_row]
        self._tiers.num_sealed[row] = other._tiers.num_sealed[other_row]
