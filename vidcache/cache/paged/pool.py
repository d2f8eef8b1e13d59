"""A pool of blocks with a budget in bytes, shared by the streams of many states."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor

from vidcache.cache.eviction.checks import require_count
from vidcache.cache.formats import KeyValueFormats
from vidcache.cache.paged.block_ledger import BlockLedger
from vidcache.cache.paged.block_memory import BlockMemory
from vidcache.cache.paged.pool_stats import PoolStats
from vidcache.errors import ConfigError, PoolFullError, StateError

if TYPE_CHECKING:
    from vidcache.cache.layout import CacheLayout
    from vidcache.cache.owner import HeadSettings
    from vidcache.cache.paged.storage import PagedStorage

__all__ = ["BlockPool", "WhenFull"]

WhenFull = Literal["error", "evict_idle"]


class BlockPool:
    """Blocks of frames with one budget for many streams, whatever their windows.

    A state made with a pool takes blocks when it first writes into them, shares them with its
    forks, and gives them back when it is reset, rolled back or no longer used. All memory is
    allocated here, once. States of a pool may be stepped by several threads, except where idle
    ones are evicted.

    Args:
        config: Settings of a head. Other settings may use the pool as well, if their lanes, heads,
            tokens and head width are the same.
        budget_bytes: What the pool may take; it takes no more.
        block_size: Frames a block.
        dtype: What keys and values are attended in, and stored in where no format is given; None
            is the type of the first head that uses the pool, float32 until then.
        device: Where the blocks are; None is the device of that head, the CPU until then.
        key_format: Storage format of the keys.
        value_format: Storage format of the values.
        when_full: What happens when a stream needs a block and none is free. ``"error"``: its step
            raises :class:`~vidcache.errors.PoolFullError`. ``"evict_idle"``: the state that was
            stepped longest ago loses its blocks; its own next step raises a ``StateError`` that
            says so.

    Raises:
        ConfigError: A setting is out of range, or the budget is too small for a block.

    Example:
        >>> import torch
        >>> from vidcache import BlockPool, CameraHead, HeadConfig, SlidingWindow
        >>> head = CameraHead(HeadConfig(in_features=8, width=16, depth=1, num_heads=2,
        ...     num_iterations=2, num_outputs=3, eviction=SlidingWindow(32)))
        >>> pool = BlockPool(head.config, budget_bytes=1 << 20)
        >>> state = head.init_state(pool=pool)
        >>> out = head.step(torch.randn(1, 30, 8), state)
        >>> twins = [state.fork() for _ in range(10)]
        >>> pool.num_blocks - pool.num_free_blocks
        2
        >>> out = head.step(torch.randn(1, 1, 8), twins[0])  # copies the block that it writes to
        >>> pool.num_blocks - pool.num_free_blocks
        3

    Source:
        Kwon et al., "Efficient Memory Management for Large Language Model Serving with
        PagedAttention", 2023, here for whole frames in all lanes.
    """

    def __init__(
        self,
        config: HeadSettings,
        budget_bytes: int = 64 << 20,
        block_size: int = 16,
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        key_format: str | None = None,
        value_format: str | None = None,
        when_full: WhenFull = "error",
    ) -> None:
        require_count("budget_bytes", budget_bytes, at_least=1)
        require_count("block_size", block_size, at_least=1)
        if when_full not in get_args(WhenFull):
            known = ", ".join(map(repr, get_args(WhenFull)))
            raise ConfigError(f"when_full is {when_full!r}: use one of {known}")
        self.block_size = block_size
        self.when_full: WhenFull = when_full
        self.frame_shape = config.cache_layout.frame_shape
        self._budget_bytes = budget_bytes
        self._format_names = key_format, value_format
        self._given = dtype, device
        self._allocate(config.cache_layout, dtype or torch.float32, torch.device(device or "cpu"))
        self.lock = threading.RLock()
        self._storages: weakref.WeakSet[PagedStorage] = weakref.WeakSet()
        self._orphans: deque[Tensor] = deque()
        self._tick = 0
        self._evicted_states = 0

    def _allocate(self, layout: CacheLayout, dtype: torch.dtype, device: torch.device) -> None:
        self.formats = KeyValueFormats.choose(dtype, *self._format_names)
        self.block_nbytes = self.block_size * layout.frame_nbytes(self.formats)
        # One block more than can be taken: it stays empty and stands for those not yet taken.
        self.num_blocks = self._budget_bytes // self.block_nbytes - 1
        if self.num_blocks < 1:
            raise ConfigError(
                f"a budget of {self._budget_bytes:,} bytes holds no two blocks of "
                f"{self.block_nbytes:,}: raise budget_bytes or lower block_size"
            )
        self.memory = BlockMemory(
            self.formats, self.frame_shape, self.num_blocks + 1, self.block_size, device
        )
        self.ledger = BlockLedger(self.num_blocks)

    def suit(self, layout: CacheLayout, dtype: torch.dtype, device: torch.device) -> None:
        """Takes the type and the device of the first head, where none were given.

        Args:
            layout: The shape of its cache.
            dtype: Type of its weights.
            device: Where they are.

        Raises:
            StateError: The head's frames do not fit into the blocks.
            ConfigError: The budget is too small for a block of that type.
        """
        self.require_shape(layout)
        given_dtype, given_device = self._given
        with self.lock:
            if self._tick == 0 and None in self._given:
                self._allocate(layout, given_dtype or dtype, torch.device(given_device or device))

    @property
    def device(self) -> torch.device:
        """Where the blocks are."""
        return self.memory.keys.data.device

    @property
    def nbytes(self) -> int:
        """Bytes of the pool, allocated once; at most the budget."""
        return self.memory.nbytes

    @property
    def nbytes_used(self) -> int:
        """Bytes of the blocks that states hold; a shared block counts once."""
        return (self.num_blocks - self.num_free_blocks) * self.block_nbytes

    @property
    def num_free_blocks(self) -> int:
        """Blocks that no state holds."""
        with self.lock:
            self.collect()
            return self.ledger.num_free

    @property
    def ref_count(self) -> Tensor:
        """How many rows hold each block, int64 (num_blocks,)."""
        with self.lock:
            self.collect()
            return self.ledger.ref_count.clone()

    def fits(self, config: HeadSettings, batch_size: int = 1) -> bool:
        """Says whether streams can be admitted and never find the pool full.

        Args:
            config: Settings of their head.
            batch_size: How many streams.

        Returns:
            Whether there are blocks for them even if all states that live here fill their windows
            and share nothing any more.

        Raises:
            StateError: The pool is made for frames of another shape.
        """
        layout = config.cache_layout
        self.require_shape(layout)
        with self.lock:
            promised = sum(storage.num_blocks_at_most for storage in self._storages)
        return promised + batch_size * self.blocks_of_row(layout) <= self.num_blocks

    def stats(self) -> PoolStats:
        """Returns the figures of the pool."""
        with self.lock:
            self.collect()
            return PoolStats(
                nbytes=self.nbytes,
                nbytes_used=self.nbytes_used,
                block_size=self.block_size,
                num_blocks=self.num_blocks,
                num_free_blocks=self.ledger.num_free,
                num_shared_blocks=int((self.ledger.ref_count > 1).sum()),
                num_states=len(self._storages),
                taken=self.ledger.taken,
                copied=self.memory.copied,
                evicted_states=self._evicted_states,
            )

    def blocks_of_row(self, layout: CacheLayout) -> int:
        """Returns how many blocks a stream takes once its slots are full.

        Args:
            layout: The shape of its cache.
        """
        return -(-layout.num_slots // self.block_size)

    def require_shape(self, layout: CacheLayout) -> None:
        """Refuses frames of another shape.

        Args:
            layout: The shape of a cache.

        Raises:
            StateError: Its frames do not fit into the blocks.
        """
        if layout.frame_shape != self.frame_shape:
            raise StateError(
                "the pool holds frames of (lanes, heads, tokens, head width) "
                f"{self.frame_shape}, these are {layout.frame_shape}: make a pool with their config"
            )

    def require_room(self, layout: CacheLayout, batch_size: int) -> None:
        """Refuses streams that the pool could not hold if it were empty.

        Args:
            layout: The shape of their cache.
            batch_size: How many streams.

        Raises:
            PoolFullError: The pool is too small for them.
        """
        blocks = self.blocks_of_row(layout)
        if batch_size * blocks > self.num_blocks:
            raise PoolFullError(
                f"{batch_size} streams of {blocks} blocks do not fit into the {self.num_blocks} "
                "blocks of the pool: raise its budget_bytes or make fewer streams"
            )

    def admit(self, storage: PagedStorage) -> None:
        """Takes up the storage of a new state. The pool does not keep it alive.

        Args:
            storage: The storage; its block table is given back when it is no longer used.
        """
        with self.lock:
            self._storages.add(storage)
        # Garbage is collected at any time, even while blocks are taken: note it, act later.
        weakref.finalize(storage, self._orphans.append, storage.table).atexit = False

    def collect(self) -> None:
        """Frees the blocks of states that are no longer used."""
        while self._orphans:
            table = self._orphans.popleft()
            self.ledger.release(table[table >= 0])

    def next_tick(self) -> int:
        """Returns a number larger than all before it, which tells older steps from newer ones."""
        self._tick += 1
        return self._tick

    def home_for(self, num_blocks: int) -> int | None:
        """Finds a run of blocks that nobody holds or hopes for.

        Args:
            num_blocks: How many blocks.

        Returns:
            Its first block, or None.
        """
        self.collect()
        return self.ledger.find_run(num_blocks, [storage.home for storage in self._storages])

    def evict_for(self, storage: PagedStorage, needed: int) -> None:
        """Makes another state give up its blocks, where the pool is told to.

        Args:
            storage: Who needs room.
            needed: How many blocks it needs.

        Raises:
            PoolFullError: No other state is to give up its blocks.
        """
        others = [s for s in self._storages if s is not storage and bool((s.table >= 0).any())]
        if self.when_full == "error" or not others:
            raise PoolFullError(
                f"the pool is full: {needed} blocks are needed and {self.ledger.num_free} of "
                f"{self.num_blocks} are free; give up a state, reset rows, raise budget_bytes, or "
                "use when_full='evict_idle'"
            )
        min(others, key=lambda other: other.tick).lose_blocks()
        self._evicted_states += 1

    def __repr__(self) -> str:
        return (
            f"BlockPool(num_blocks={self.num_blocks}, num_free_blocks={self.num_free_blocks}, "
            f"block_size={self.block_size}, nbytes={self.nbytes}, {self.formats})"
        )
