"""One network for callers on several threads, with different numbers of threads to spend."""

import os
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vidcache.runtime.engines import Engine

__all__ = ["SharedEngine", "prepare_run"]


class SharedEngine:
    """Lends each caller an engine, and makes one where none is free.

    There are as many of a kind as find processors; further callers wait. An engine that one
    thread uses at a time runs in it and costs no more than alone, where one engine that several
    threads shared kept them waiting for each other.

    Args:
        make: Makes an engine for a number of threads.
    """

    def __init__(self, make: Callable[[int], Engine]) -> None:
        self._make = make
        self._free: dict[int, queue.SimpleQueue[Engine]] = {}
        self._num_made: dict[int, int] = {}
        self._lock = threading.Lock()

    def run(
        self, array: NDArray[Any], num_threads: int | None = None
    ) -> Sequence[NDArray[np.float32]]:
        """See `vidcache.runtime.Engine`.

        Args:
            array: The input.
            num_threads: Threads to use; None for as many as torch may in the calling thread, which
                is how a stage of the pipeline is told its share of the processors.
        """
        if num_threads is None:
            num_threads = torch.get_num_threads()
        engine = self._take(num_threads)
        try:
            return engine.run(array)
        finally:
            self._free[num_threads].put(engine)

    def _take(self, num_threads: int) -> Engine:
        with self._lock:
            free = self._free.setdefault(num_threads, queue.SimpleQueue())
            made = self._num_made.get(num_threads, 0)
            if free.empty() and made < max(1, (os.cpu_count() or 1) // num_threads):
                self._num_made[num_threads] = made + 1
                return self._make(num_threads)
        return free.get()


def prepare_run(make: Callable[[int], Engine], array: NDArray[Any]) -> Callable[[], object]:
    """Makes an engine for the calling thread; what it returns runs it, to be timed.

    Args:
        make: Makes an engine for a number of threads.
        array: Its input.
    """
    engine = make(torch.get_num_threads())
    return lambda: engine.run(array)
