"""Worker processes on this machine, replaced when they die."""

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

from vidcache.batch.jobs import Failed, Job, Report, Stopped, Working
from vidcache.batch.threads import thread_environment
from vidcache.batch.worker_process import Ready, StartFailed, Stop, WorkerSetup, run_worker
from vidcache.errors import VidcacheError

__all__ = ["MOST_ATTEMPTS", "LocalEngine"]

MOST_ATTEMPTS = 3
"""How often a file is tried that its worker dies of."""

_MOST_DEATHS_AT_START = 3
_END_SECONDS = 20.0


@dataclass
class _Task:
    job: Job
    num_attempts: int = 0


class _Worker:
    """One process as its parent sees it."""

    def __init__(self, setup: WorkerSetup) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection: Connection[Any, Any]
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=run_worker, args=(setup, theirs), daemon=True)
        with thread_environment(setup.num_threads), _signals_held_back():
            self.process.start()
        theirs.close()
        self.is_ready = False
        self.task: _Task | None = None
        self.started = 0.0

    def give(self, task: _Task) -> None:
        """Hands over a task. A worker that has just died is noticed when it is next waited for."""
        self.task = task
        self.started = time.monotonic()
        self.send(task.job)

    def send(self, message: Job | Stop | None) -> None:
        try:
            self.connection.send(message)
        except OSError:
            return

    def received(self) -> Iterator[Any]:
        """Everything it has sent so far; what a dying process sent before counts."""
        try:
            while self.connection.poll():
                yield self.connection.recv()
        except (EOFError, OSError):
            return

    def end(self, seconds: float) -> None:
        """Waits for its end, and kills it if that takes too long."""
        self.process.join(max(0.0, seconds))
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()

    def cause_of_death(self) -> str:
        self.process.join()
        code = self.process.exitcode or 0
        if code >= 0:
            return f"the worker ended by itself (exit code {code})"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = "unknown"
        hint = ": too little memory?" if -code == getattr(signal, "SIGKILL", 9) else ""
        return f"the worker died (signal {-code}, {name}){hint}"


class LocalEngine:
    """Does jobs in processes of their own, one file at a time each.

    A file whose worker dies is tried again by a new worker, up to `MOST_ATTEMPTS` times in all.

    Args:
        setup: What each worker is told.
        num_workers: How many work at the same time.
        file_timeout: Seconds that one file may take; None for as long as it takes.
    """

    def __init__(
        self, setup: WorkerSetup, num_workers: int, *, file_timeout: float | None = None
    ) -> None:
        self._setup = setup
        self._num_workers = num_workers
        self._file_timeout = file_timeout
        self._workers: list[_Worker] = []
        self._waiting: deque[_Task] = deque()
        self._num_deaths_at_start = 0
        self._stopping = False
        # Whoever asks it to stop wakes it with this.
        self._bell, self._bell_end = multiprocessing.get_context("spawn").Pipe(duplex=False)

    def stop(self) -> None:
        """Leaves the files at work and begins no other. Callable from a signal handler."""
        if not self._stopping:
            self._stopping = True
            self._bell_end.send_bytes(b"!")

    def run(self, jobs: Iterable[Job]) -> Generator[Report]:
        """Yields what becomes of each job, and progress in between, as it comes.

        Raises:
            VidcacheError: If workers cannot load the models, with the worker's own error.
        """
        self._waiting = deque(_Task(job) for job in jobs)
        try:
            while (self._waiting and not self._stopping) or any(w.task for w in self._workers):
                self._hand_out()
                yield from self._reports()
        finally:
            self._end_all()

    def _hand_out(self) -> None:
        if self._stopping:
            self._waiting.clear()
            return
        num_busy = sum(worker.task is not None for worker in self._workers)
        num_wanted = min(self._num_workers, num_busy + len(self._waiting))
        while len(self._workers) < num_wanted:
            self._workers.append(_Worker(self._setup))
        for worker in self._workers:
            if worker.is_ready and worker.task is None and self._waiting:
                worker.give(self._waiting.popleft())

    def _reports(self) -> Iterator[Report]:
        """Waits until something happens and tells what."""
        sources: list[Any] = [self._bell]
        for worker in self._workers:
            sources += [worker.connection, worker.process.sentinel]
        wait(sources, self._seconds_to_deadline())
        if self._stopping and self._bell.poll():
            self._bell.recv_bytes()
            for worker in self._workers:
                worker.send(Stop())
        for worker in list(self._workers):
            has_died = not worker.process.is_alive()
            for message in worker.received():
                yield from self._take(worker, message)
            if has_died:
                self._workers.remove(worker)
                yield from self._bury(worker)
        yield from self._end_late_ones()

    def _take(self, worker: _Worker, message: Any) -> Iterator[Report]:
        if isinstance(message, Ready):
            worker.is_ready = True
            self._num_deaths_at_start = 0
        elif isinstance(message, StartFailed):
            raise message.kind(message.text)
        elif isinstance(message, Working):
            yield message
        else:
            worker.task = None
            yield message

    def _bury(self, worker: _Worker) -> Iterator[Report]:
        cause = worker.cause_of_death()
        worker.connection.close()
        task = worker.task
        if self._stopping:
            if task is not None:
                yield Stopped(task.job)
        elif task is None:
            if worker.is_ready:
                return
            self._num_deaths_at_start += 1
            if self._num_deaths_at_start >= _MOST_DEATHS_AT_START:
                raise VidcacheError(
                    f"{cause} while it loaded the models, {self._num_deaths_at_start} times in a "
                    "row; try fewer --workers"
                )
        else:
            task.num_attempts += 1
            if task.num_attempts < MOST_ATTEMPTS:
                self._waiting.append(task)
            else:
                text = f"{cause}, each of the {task.num_attempts} times that it was tried"
                yield Failed(task.job, "worker_died", f"'{task.job.path}': {text}")

    def _end_late_ones(self) -> Iterator[Report]:
        if self._file_timeout is None:
            return
        for worker in list(self._workers):
            task = worker.task
            if task and time.monotonic() - worker.started > self._file_timeout:
                self._workers.remove(worker)
                worker.end(0.0)
                text = f"it was not done within {self._file_timeout:g} s and was left"
                yield Failed(task.job, "timeout", f"'{task.job.path}': {text}")

    def _seconds_to_deadline(self) -> float | None:
        if self._file_timeout is None:
            return None
        started = [worker.started for worker in self._workers if worker.task is not None]
        if not started:
            return None
        return max(0.0, min(started) + self._file_timeout - time.monotonic()) + 0.01

    def _end_all(self) -> None:
        deadline = time.monotonic() + _END_SECONDS
        for worker in self._workers:
            worker.send(None)
        for worker in self._workers:
            # One that is still loading would load to the end first.
            is_idle = worker.is_ready and worker.task is None
            worker.end(deadline - time.monotonic() if is_idle else 0.0)
        self._workers.clear()


@contextmanager
def _signals_held_back() -> Generator[None]:
    """Processes started in the block meet no Ctrl-C before they have said what it means to them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Its own start lets them through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
