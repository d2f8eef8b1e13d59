"""A worker process: loads the models once, works on one file after the other, ends with its parent.

It is started by `vidcache.batch.local_engine`, which sends jobs over a pipe. Nothing heavy is
imported before the number of threads is set.
"""

import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from vidcache.batch.jobs import Job
from vidcache.batch.threads import set_torch_threads
from vidcache.config import Config
from vidcache.errors import ConfigError, ModelError, VidcacheError

__all__ = ["Ready", "StartFailed", "Stop", "WorkerSetup", "run_worker"]


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker is told at its start.

    Attributes:
        config: The settings.
        num_threads: Threads of one computation, its share of the processors.
    """

    config: Config
    num_threads: int


@dataclass(frozen=True)
class Ready:
    """The models are loaded."""


@dataclass(frozen=True)
class StartFailed:
    """The models cannot be loaded, and no other worker could do better.

    Attributes:
        kind: The kind of error to raise for it.
        text: Why.
    """

    kind: type[VidcacheError]
    text: str

    @classmethod
    def from_error(cls, error: Exception) -> "StartFailed":
        """What can be sent of an error: some kinds take more than a text to be made."""
        plain = (ConfigError, ModelError)
        return cls(type(error) if isinstance(error, plain) else VidcacheError, str(error))


@dataclass(frozen=True)
class Stop:
    """Leave the file at work, and end."""


def run_worker(setup: WorkerSetup, connection: "Connection[Any, Any]") -> None:
    """Body of the process. It never returns.

    Args:
        setup: What to do.
        connection: Takes a `Job`, a `Stop`, or None for the end; gives reports.
    """
    _leave_signals_to_the_parent()
    set_torch_threads(setup.num_threads)
    try:
        from vidcache.batch.file_worker import FileWorker

        worker = FileWorker(setup.config)
    except (VidcacheError, ImportError) as error:
        connection.send(StartFailed.from_error(error))
        os._exit(1)
    jobs: SimpleQueue[Job | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, worker, jobs), daemon=True).start()
    connection.send(Ready())
    while (job := jobs.get()) is not None:
        connection.send(worker.work(job, connection.send))
    # Decoders' threads may still be ending, and the interpreter's own end could wait for them.
    os._exit(0)


def _listen(
    connection: "Connection[Any, Any]", worker: Any, jobs: "SimpleQueue[Job | None]"
) -> None:
    """Takes what the parent sends; without a parent there is nothing left to do."""
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            os._exit(1)
        if isinstance(message, Stop):
            worker.stop()
            jobs.put(None)
            return
        jobs.put(message)


def _leave_signals_to_the_parent() -> None:
    """Ctrl-C reaches the whole group, but the parent says how the work ends."""
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        # They were held back until here by the parent.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
