"""Lanes of blocks on disk that are read into memory before they are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from vidcache.cache.archive.block import Block
from vidcache.cache.formats import EncodedFrames

__all__ = ["LaneOfBlock", "ReadAhead"]

LaneOfBlock = tuple[int, int, int]
"""A row, the number of a block of it, and a lane."""

_KeysValues = tuple[EncodedFrames, EncodedFrames]


class ReadAhead:
    """A small buffer that a thread fills; what it has not got yet is read without it.

    The thread ends when the buffer is no longer used.

    Args:
        num_lanes: How many lanes of blocks it holds at most.
    """

    def __init__(self, num_lanes: int) -> None:
        self._num_lanes = num_lanes
        self._ready: dict[LaneOfBlock, _KeysValues] = {}
        self._thread: ThreadPoolExecutor | None = None
        self._running: Future[None] | None = None

    def get(self, wanted: LaneOfBlock) -> _KeysValues | None:
        """Returns keys and values, (nh, F, N, hd), or None where they are not read yet.

        Args:
            wanted: Row, number of the block, and lane.
        """
        return self._ready.get(wanted)

    def request(self, wanted: Iterable[tuple[LaneOfBlock, Block]]) -> None:
        """Asks for what may be needed next; the rest is forgotten.

        Nothing is asked for while the thread is busy with the last request.

        Args:
            wanted: Rows, numbers and lanes, and the blocks, the most important first.
        """
        if self._running is not None and not self._running.done():
            return
        chosen: dict[LaneOfBlock, Block] = {}
        for key, block in wanted:
            if len(chosen) == self._num_lanes:
                break
            chosen[key] = block
        if chosen.keys() == self._ready.keys():
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="vidcache-read-ahead")
        # No thread can be had where there are too many, or while the program ends.
        with suppress(RuntimeError):
            self._running = self._thread.submit(_read, self._ready, chosen)

    def forget(self) -> None:
        """Empties the buffer."""
        # The thread may still be filling the old one, which nobody asks any more.
        self._ready = {}

    def wait(self) -> None:
        """Waits until what was asked for is read."""
        if self._running is not None:
            self._running.result()


def _read(ready: dict[LaneOfBlock, _KeysValues], chosen: dict[LaneOfBlock, Block]) -> None:
    for stale in [key for key in ready if key not in chosen]:
        ready.pop(stale, None)
    for key, block in chosen.items():
        if key not in ready:
            lane = key[2]
            ready[key] = (
                block.keys.map(lambda part, lane=lane: part[lane].clone()),
                block.values.map(lambda part, lane=lane: part[lane].clone()),
            )
