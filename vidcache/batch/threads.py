"""Sharing the processors among workers, so that they do not fight for them."""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager

__all__ = [
    "default_num_workers",
    "num_processors",
    "set_torch_threads",
    "thread_environment",
    "thread_variables",
    "threads_of_a_worker",
]

# Each library reads its own when it is loaded.
_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)
# A worker with the bundled models was seen to hold 1.0 GiB, some of it shared with the others.
_WORKER_BYTES = 3 << 29


def num_processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_num_workers() -> int:
    """One worker for each processor, as far as there is memory for their models."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return num_processors()
    return max(1, min(num_processors(), memory // _WORKER_BYTES))


def threads_of_a_worker(num_workers: int) -> int:
    """Threads for one computation of one of so many workers; ``OMP_NUM_THREADS`` is the limit.

    Example:
        >>> threads_of_a_worker(100_000)
        1
    """
    share = max(1, num_processors() // num_workers)
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(share, int(limit)) if limit.isdecimal() and int(limit) > 0 else share


def thread_variables(num_threads: int) -> Mapping[str, str]:
    """The environment variables that hold libraries to so many threads."""
    return dict.fromkeys(_VARIABLES, str(num_threads))


@contextmanager
def thread_environment(num_threads: int) -> Generator[None]:
    """Sets the variables for processes that are started in the block."""
    before = {name: os.environ.get(name) for name in _VARIABLES}
    os.environ.update(thread_variables(num_threads))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def set_torch_threads(num_threads: int) -> None:
    """Holds the computations of this process to so many threads each."""
    import torch

    torch.set_num_threads(num_threads)
