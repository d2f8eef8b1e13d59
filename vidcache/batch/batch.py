"""Many files: what is missing is done, what is bad is named, and nothing is lost on the way."""

import contextlib
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Protocol

from vidcache.batch.account import Account
from vidcache.batch.durable import remove_stale_parts
from vidcache.batch.fingerprint import settings_fingerprint
from vidcache.batch.folder_lock import FolderLock
from vidcache.batch.inputs import collect_inputs
from vidcache.batch.jobs import Failed, Job, Report
from vidcache.batch.local_engine import LocalEngine
from vidcache.batch.manifest import read_manifests
from vidcache.batch.options import BatchOptions
from vidcache.batch.plan import BatchPlan, decide_models, decide_precision, make_plan
from vidcache.batch.progress import BatchProgress, BatchReport, FileError
from vidcache.batch.ray_engine import RayEngine
from vidcache.batch.threads import threads_of_a_worker
from vidcache.batch.worker_process import WorkerSetup
from vidcache.config import Config
from vidcache.errors import ConfigError, SinkError, VidcacheError
from vidcache.pipeline import resolve_device

__all__ = ["Batch"]


class Batch:
    """Labels many files, each in one worker, and keeps account of them in a folder.

    The folder gets the outputs of every file, which appear whole or not at all; ``manifest.jsonl``
    with a line for each finished file; and ``errors.jsonl`` with a line for each bad one. Done
    again, it does what is missing: files whose content, models, settings and outputs are those of
    the manifest are left as they are, and bad ones are tried again. A file that was cut keeps the
    results of its frames, and is listed among the errors every time.

    Args:
        config: What is computed. Its source and its outputs are not used.
        options: How it is done.

    Example:
        >>> import tempfile
        >>> from vidcache.batch import Batch, BatchOptions
        >>> batch = Batch(Config(detector="none"), BatchOptions(tempfile.mkdtemp()))
        >>> report = batch.run(["there_is_no_such_file.mp4"])
        >>> report.progress.num_failed, report.errors_path.endswith("errors.jsonl")
        (1, True)
    """

    def __init__(self, config: Config, options: BatchOptions) -> None:
        self._config = config
        self._options = options
        self._engine: _Engine | None = None
        self._stopped = False

    def stop(self) -> None:
        """Ends the work soon and in order. Callable from any thread and signal handler."""
        self._stopped = True
        if self._engine is not None:
            self._engine.stop()

    def run(
        self,
        paths: Sequence[str],
        *,
        on_progress: Callable[[BatchProgress], None] | None = None,
        on_error: Callable[[FileError], None] | None = None,
    ) -> BatchReport:
        """Works through files, folders and patterns.

        Args:
            paths: See `vidcache.batch.collect_inputs`.
            on_progress: Called whenever there is something new.
            on_error: Called for each bad file.

        Raises:
            ConfigError: If a setting or a path cannot be used.
            ModelError: If a model cannot be found, fetched or read.
            SinkError: If the folder cannot be written, or another run is writing to it.
            MissingExtraError: If a package is missing.
        """
        options = self._options
        inputs = collect_inputs(
            paths, recursive=options.recursive, root=options.root, exclude=options.folder
        )
        if not inputs:
            raise ConfigError("there are no files to work on: give files, folders or patterns")
        try:
            options.folder.mkdir(parents=True, exist_ok=True)
            with FolderLock(options.folder, options.shard):
                config = decide_models(self._config)
                settings = settings_fingerprint(config)
                entries = read_manifests(options.folder)
                plan = make_plan(inputs, entries, settings, options)
                remove_stale_parts(options.folder, options.shard)
                if plan.jobs:
                    config = decide_precision(config, entries, settings)
                engine, num_workers = self._make_engine(config, len(plan.jobs))
                with Account(
                    options, plan, entries, (settings, config.precision), on_error
                ) as account:
                    failure = self._work(engine, plan, account, on_progress)
                remove_stale_parts(options.folder, options.shard)
        except OSError as error:
            if isinstance(error, VidcacheError):
                raise
            text = f"{error.strerror or error}: '{error.filename or options.folder}'"
            raise SinkError(f"cannot keep account in '{options.folder}': {text}") from error
        return BatchReport(
            progress=account.progress.build(),
            num_workers=num_workers,
            interrupted=self._stopped,
            failure=failure,
            errors_path=str(account.errors_path) if account.errors_path.exists() else None,
        )

    def _make_engine(self, config: Config, num_jobs: int) -> "tuple[_Engine, int]":
        options = self._options
        num_workers = options.workers_for(resolve_device(config.device))
        num_workers = max(1, min(num_workers, num_jobs))
        setup = WorkerSetup(config, threads_of_a_worker(num_workers))
        if options.engine == "ray":
            engine: _Engine = RayEngine(
                setup,
                num_workers,
                address=options.ray_address,
                file_timeout=options.file_timeout,
            )
        else:
            engine = LocalEngine(setup, num_workers, file_timeout=options.file_timeout)
        self._engine = engine
        return engine, num_workers

    def _work(
        self,
        engine: "_Engine",
        plan: BatchPlan,
        account: Account,
        on_progress: Callable[[BatchProgress], None] | None,
    ) -> str | None:
        """Does the jobs, and returns why it could not go on, if so."""
        failure: str | None = None
        if self._stopped:
            return None
        with contextlib.closing(engine.run(plan.jobs)) as reports:
            for report in reports:
                error = account.add(report)
                if isinstance(report, Failed) and report.fatal:
                    failure = failure or report.error
                elif error is not None and self._options.on_error == "fail":
                    failure = failure or error.error
                if failure is not None:
                    engine.stop()
                if on_progress is not None:
                    on_progress(account.progress.build())
        return failure


class _Engine(Protocol):
    """What does the jobs."""

    def run(self, jobs: Iterable[Job]) -> Generator[Report]: ...

    def stop(self) -> None: ...
