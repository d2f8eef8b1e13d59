# pyright: basic
"""The same work on a Ray cluster: a worker is an actor, and Ray tries a lost file elsewhere."""

import contextlib
import os
import re
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from vidcache.batch.jobs import Failed, Job, Report, Stopped
from vidcache.batch.threads import set_torch_threads, thread_variables
from vidcache.batch.worker_process import StartFailed, WorkerSetup
from vidcache.errors import MissingExtraError, VidcacheError

__all__ = ["RayEngine"]

_MOST_RETRIES = 2
_POLL_SECONDS = 0.5
_ANSWER_SECONDS = 10.0
# Only paths and figures pass through it; Ray refuses less.
_OBJECT_STORE_BYTES = 80 << 20


class RayEngine:
    """Does jobs in Ray actors, one file at a time each; models are loaded once an actor.

    Paths have to mean the same on every node: inputs, models and outputs lie on storage that all
    of them share. A file whose actor or node dies is tried again by Ray, twice. Ray's dashboard
    and its usage statistics are off.

    Args:
        setup: What each actor is told.
        num_workers: How many actors there are.
        address: A running cluster, as Ray writes it; None for the one that ``RAY_ADDRESS`` names,
            or else one that is started on this machine and ends with the work.
        file_timeout: Seconds that one file may take; None for as long as it takes.

    Raises:
        MissingExtraError: If Ray is not installed.
    """

    def __init__(
        self,
        setup: WorkerSetup,
        num_workers: int,
        *,
        address: str | None = None,
        file_timeout: float | None = None,
    ) -> None:
        self._ray = _import_ray()
        self._setup = setup
        self._num_workers = num_workers
        self._address = address or os.environ.get("RAY_ADDRESS") or "local"
        self._file_timeout = file_timeout
        self._stopping = threading.Event()
        self._at_work: dict[Any, _AtWork] = {}

    def stop(self) -> None:
        """Leaves the files at work and begins no other. Callable from a signal handler."""
        self._stopping.set()

    def run(self, jobs: Iterable[Job]) -> Generator[Report]:
        """Yields what becomes of each job, as it comes.

        Raises:
            VidcacheError: If the cluster cannot be reached, or actors cannot load the models.
        """
        waiting = deque(jobs)
        if not waiting:
            return
        self._connect()
        try:
            for _ in range(min(self._num_workers, len(waiting))):
                self._start_actor()
            while self._at_work and not self._stopping.is_set():
                ready, _ = self._ray.wait(list(self._at_work), timeout=_POLL_SECONDS)
                for reference in ready:
                    done = self._at_work.pop(reference)
                    yield from self._take(reference, done)
                    if waiting:
                        self._give(done.actor, waiting.popleft())
                yield from self._end_late_ones()
            yield from (Stopped(work.job) for work in self._at_work.values() if work.job)
        finally:
            # Actors end with the connection; one that works ends at once.
            self._at_work.clear()
            self._ray.shutdown()

    def _connect(self) -> None:
        own = self._address == "local"
        threads = self._setup.num_threads
        resources: dict[str, Any] = {}
        if own:
            resources["num_cpus"] = self._num_workers * threads
            resources["object_store_memory"] = _OBJECT_STORE_BYTES
        try:
            _check_reachable(self._address)
            with _signal_handlers_kept():
                self._ray.init(
                    self._address,
                    include_dashboard=False if own else None,
                    log_to_driver=False,
                    logging_level="error",
                    **resources,
                )
        except (OSError, ValueError, RuntimeError, self._ray.exceptions.RayError) as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else "no answer"
            raise VidcacheError(
                f"there is no Ray cluster at {self._address!r}: {first} (--ray-address ADDRESS)"
            ) from error

    def _start_actor(self) -> None:
        remote = self._ray.remote(
            num_cpus=self._setup.num_threads, max_restarts=-1, max_task_retries=_MOST_RETRIES
        )
        actor = remote(_Actor).remote(self._setup)
        self._at_work[actor.start_failure.remote()] = _AtWork(actor, None, time.monotonic())

    def _give(self, actor: Any, job: Job) -> None:
        self._at_work[actor.work.remote(job)] = _AtWork(actor, job, time.monotonic())

    def _take(self, reference: Any, done: "_AtWork") -> Iterator[Report]:
        """What an actor has answered: that it has loaded, or what became of its job."""
        try:
            answer = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            cause = str(error).strip().splitlines()[0]
            if done.job is None:
                raise VidcacheError(f"a Ray actor died while it loaded the models: {cause}") from (
                    error
                )
            times = f"each of the {_MOST_RETRIES + 1} times that it was tried"
            text = f"'{done.job.path}': the worker died, {times} ({cause})"
            yield Failed(done.job, "worker_died", text)
            return
        if isinstance(answer, StartFailed):
            raise answer.kind(answer.text)
        if answer is not None:
            yield answer

    def _end_late_ones(self) -> Iterator[Report]:
        if self._file_timeout is None:
            return
        for reference, work in list(self._at_work.items()):
            if work.job is None or time.monotonic() - work.started <= self._file_timeout:
                continue
            del self._at_work[reference]
            self._ray.kill(work.actor)
            self._start_actor()
            text = f"it was not done within {self._file_timeout:g} s and was left"
            yield Failed(work.job, "timeout", f"'{work.job.path}': {text}")


@dataclass(frozen=True)
class _AtWork:
    """An actor that has something to do: a job, or without one, to load its models."""

    actor: Any
    job: Job | None
    started: float


class _Actor:
    """Body of an actor. Errors of its start are told instead of raised, so Ray need not retry."""

    def __init__(self, setup: WorkerSetup) -> None:
        os.environ.update(thread_variables(setup.num_threads))
        set_torch_threads(setup.num_threads)
        from vidcache.batch.file_worker import FileWorker

        self._failure: StartFailed | None = None
        try:
            self._worker = FileWorker(setup.config)
        except (VidcacheError, ImportError) as error:
            self._failure = StartFailed.from_error(error)

    def start_failure(self) -> StartFailed | None:
        return self._failure

    def work(self, job: Job) -> Report:
        return self._worker.work(job)


def _import_ray() -> Any:
    # Read by Ray while it is imported.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise MissingExtraError("ray", "ray", "spread a batch over a Ray cluster") from error
    return ray


def _check_reachable(address: str) -> None:
    """Fails soon where nobody answers: Ray itself would try for many minutes."""
    match = re.fullmatch(r"(?:ray://)?([^/]+):(\d+)", address)
    if match is not None:
        socket.create_connection((match[1].strip("[]"), int(match[2])), _ANSWER_SECONDS).close()


@contextlib.contextmanager
def _signal_handlers_kept() -> Generator[None]:
    """Ray takes SIGTERM for itself; who called us decides what a signal means."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
