"""Remembers what was computed on the beginnings of streams, under chained content hashes."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vidcache.cache.prefix.block import PrefixBlock, PrefixMatch
from vidcache.cache.prefix.content_hash import chain, chain_start
from vidcache.cache.prefix.folder import PrefixFolder
from vidcache.cache.prefix.stats import PrefixStats
from vidcache.cache.prefix.use_order import UseOrder
from vidcache.cache.state import HeadState
from vidcache.errors import InputError, StateError

if TYPE_CHECKING:
    from vidcache.cache.owner import Head

__all__ = ["PrefixCache"]


class PrefixCache:
    """Finds the longest known beginning of a stream, and the state after it.

    A stream's beginning is known by the chained hash of its frames (:meth:`hashes`), which begins
    with the fingerprint of the head: a head with other weights finds nothing. What is remembered
    are blocks of frames, with their predictions and, at some places, the state. Blocks are held
    in memory and, where there is a folder, on disk as well; each tier drops the chains that were
    used longest ago, from their ends. It may be used by several threads.

    Args:
        head: The head that the states belong to.
        max_bytes: Budget of memory.
        folder: Where blocks are kept between processes; None keeps them in memory only.
        max_disk_bytes: Budget of the folder.

    Raises:
        InputError: A budget is negative.
        ConfigError: The folder cannot be made or read.

    Example:
        Every stream of a camera begins with the same 30 frames. They are computed once:

        >>> import torch
        >>> from vidcache import CameraHead, HeadConfig, PrefixCache
        >>> head = CameraHead(HeadConfig(in_features=8, width=16, depth=1, num_heads=2,
        ...                              num_iterations=2, num_outputs=3)).eval()
        >>> cache = PrefixCache(head, max_bytes=16 << 20)
        >>> intro = torch.randn(30, 8)
        >>> hashes, state = cache.hashes(intro), head.init_state()
        >>> predictions = head.step(intro[None], state).prediction[0]
        >>> cache.store(hashes[-1], predictions, state)

        Any number of streams then goes on from there, each with a state of its own:

        >>> streams = [torch.cat([intro, torch.randn(5, 8)]) for _ in range(3)]
        >>> for features in streams:
        ...     match = cache.longest(cache.hashes(features))
        ...     rest = head.step(features[None, match.num_frames :], match.state)
        ...     print(match.num_frames, rest.prediction.shape[1], int(match.state.num_seen))
        30 5 35
        30 5 35
        30 5 35
    """

    def __init__(
        self,
        head: Head,
        *,
        max_bytes: int = 256 << 20,
        folder: str | PathLike[str] | None = None,
        max_disk_bytes: int = 4 << 30,
    ) -> None:
        if max_bytes < 0 or max_disk_bytes < 0:
            raise InputError(
                f"max_bytes={max_bytes}, max_disk_bytes={max_disk_bytes}: give 0 or more"
            )
        self._head = head
        self._blocks: dict[str, PrefixBlock] = {}
        self._order = UseOrder(max_bytes)
        self._folder = None if folder is None else PrefixFolder(Path(folder), max_disk_bytes)
        self._stats = PrefixStats()
        self._lock = threading.RLock()

    def start(self, salt: str = "") -> str:
        """Returns the hash of a stream that has shown nothing yet.

        Args:
            salt: What fixes results besides the head and the frames, such as the fingerprint of
                the encoder where frames are hashed as pictures.
        """
        return chain_start(self._head.fingerprint(), salt)

    def hashes(self, features: Tensor, seconds: Tensor | None = None, salt: str = "") -> list[str]:
        """Hashes the features of a stream, frame by frame.

        Args:
            features: Features of one stream, (T, N, C) or (T, C).
            seconds: Times of the frames, (T,), where the head counts seconds.
            salt: See :meth:`start`.

        Returns:
            For each frame the hash of all frames up to it.
        """
        hashes = [self.start(salt)]
        for number, frame in enumerate(features):
            note = "" if seconds is None else float(seconds[number]).hex()
            hashes.append(chain(hashes[-1], frame, note))
        return hashes[1:]

    def store(
        self,
        prefix: str,
        predictions: Tensor,
        state: HeadState | None = None,
        *,
        features: Tensor | None = None,
        previous: str | None = None,
    ) -> None:
        """Remembers a block of frames; one that is already known gets what is given now.

        A folder that cannot be written, because the disk is full, is counted in :meth:`stats`
        and stops nothing.

        Args:
            prefix: Hash of all frames to the block's end.
            predictions: Predictions of the block's frames, (F, …).
            state: The stream's state after them, of one row; a fork of it is kept (one in a pool
                shares its blocks). Only where there is one can a stream be gone on with.
            features: The frames' features, (F, …), for callers that can compute a state from them.
            previous: Hash of all frames before the block; None where it begins the stream.

        Raises:
            InputError: The state has several rows.
        """
        if state is not None and state.batch_size != 1:
            raise InputError(
                f"the state has {state.batch_size} rows: a prefix is that of one stream"
            )
        with self._lock:
            block = PrefixBlock(
                previous,
                predictions.detach().cpu().clone(),
                None if features is None else features.detach().cpu().clone(),
                None if state is None else state.fork(),
            )
            self._count(stored=1)
            self._hold(prefix, block)
            if self._folder is not None:
                try:
                    self._count(evicted_disk=self._folder.write(prefix, block))
                except OSError:
                    self._count(failed_writes=1)

    def get(self, prefix: str) -> PrefixBlock | None:
        """Looks up one block.

        Args:
            prefix: Hash of all frames to the block's end.

        Returns:
            The block, whose state is a fork of the one that is kept; or None.
        """
        with self._lock, self._timed():
            block = self._find(prefix)
            if block is not None and block.state is not None:
                state = self._fork(prefix, block.state)
                block = state and replace(block, state=state)
            self._count(hits=block is not None, misses=block is None)
            return block

    def longest(self, hashes: Sequence[str]) -> PrefixMatch | None:
        """Finds the longest known beginning of a stream that a state was stored for.

        Args:
            hashes: For each frame of the stream the hash of all frames up to it.

        Returns:
            The beginning, or None if none is known whole.
        """
        with self._lock, self._timed():
            for prefix in reversed(hashes):
                blocks = self._chain_to(prefix)
                kept = blocks[-1].state if blocks else None
                state = kept and self._fork(prefix, kept)
                if state is None:
                    continue
                predictions = torch.cat([block.predictions for block in blocks])
                self._count(hits=1)
                return PrefixMatch(len(predictions), state, predictions)
            self._count(misses=1)
            return None

    def stats(self) -> PrefixStats:
        """Returns the figures of the cache."""
        with self._lock:
            disk = self._folder.order if self._folder is not None else UseOrder(0)
            return replace(
                self._stats,
                num_blocks=len(self._order),
                nbytes=self._order.nbytes,
                num_blocks_disk=len(disk),
                nbytes_disk=disk.nbytes,
            )

    def _chain_to(self, prefix: str) -> list[PrefixBlock]:
        """The blocks from the stream's beginning to a state; none if one of them is missing."""
        block = self._find(prefix)
        if block is None or block.state is None:
            return []
        found = {prefix: block}
        while block.previous is not None:
            name, block = block.previous, self._find(block.previous)
            if block is None:
                return []
            found[name] = block
        # They were met from the end, but a block's place follows from that of the one before it.
        for name in reversed(found):
            self._touch(name, found[name])
        return list(found.values())[::-1]

    def _find(self, prefix: str) -> PrefixBlock | None:
        block = self._blocks.get(prefix)
        if block is None and self._folder is not None and prefix in self._folder.order:
            block = self._folder.read(prefix, self._head)
            if block is None:
                self._count(damaged=1)
            else:
                self._hold(prefix, block)
        if block is not None:
            self._touch(prefix, block)
        return block

    def _fork(self, prefix: str, state: HeadState) -> HeadState | None:
        """Forks a kept state; None, and no longer kept, if its pool gave its blocks to others."""
        try:
            return state.fork()
        except StateError:
            self._blocks.pop(prefix, None)
            self._order.remove(prefix)
            return None

    def _touch(self, prefix: str, block: PrefixBlock) -> None:
        if prefix in self._order:
            self._order.touch(prefix, block.previous)
        if self._folder is not None:
            self._folder.touch(prefix, block.previous)

    def _hold(self, prefix: str, block: PrefixBlock) -> None:
        self._blocks[prefix] = block
        self._order.add(prefix, block.nbytes, block.previous)
        for name in self._order.surplus():
            del self._blocks[name]
            self._order.remove(name)
            self._count(evicted=1)

    def _count(self, **figures: float) -> None:
        old = self._stats
        self._stats = replace(old, **{name: getattr(old, name) + n for name, n in figures.items()})

    @contextmanager
    def _timed(self) -> Generator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self._count(look_up_seconds=time.perf_counter() - start)
