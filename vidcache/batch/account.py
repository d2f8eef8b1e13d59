"""The account of one run: manifest, list of errors and figures, kept as reports come in."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from vidcache.batch.jobs import Done, Failed, Report, Unchanged
from vidcache.batch.manifest import AppendOnlyFile, Entry, batch_file
from vidcache.batch.options import BatchOptions
from vidcache.batch.plan import BatchPlan
from vidcache.batch.progress import FileError, ProgressBuilder
from vidcache.video.closing import Closing

__all__ = ["Account"]


class Account(Closing):
    """Writes down what becomes of each file; the list of errors begins anew with each run.

    Args:
        options: How the batch is done.
        plan: What there is to do.
        entries: What is finished, by name.
        made_with: Fingerprint of the settings, and the arithmetic of the models.
        on_error: Called for each bad file.

    Attributes:
        errors_path: The list of bad files; there is none until there is an error.
        progress: The figures.

    Raises:
        OSError: If something cannot be written; so does everything here.
    """

    def __init__(
        self,
        options: BatchOptions,
        plan: BatchPlan,
        entries: Mapping[str, Entry],
        made_with: tuple[str, str],
        on_error: Callable[[FileError], None] | None,
    ) -> None:
        self.errors_path = batch_file(options.folder, "errors", options.shard)
        self.progress = ProgressBuilder(len(plan.known), plan.jobs)
        self._plan = plan
        self._entries = entries
        self._settings, self._precision = made_with
        self._on_error = on_error
        self._errors: AppendOnlyFile | None = None
        self._manifest = AppendOnlyFile(batch_file(options.folder, "manifest", options.shard))

    def __enter__(self) -> "Account":
        self.errors_path.unlink(missing_ok=True)
        for entry in self._plan.known:
            if entry.truncated:
                self.progress.add_truncated()
                self._note_truncated(entry.path)
        return self

    def close(self) -> None:
        """Closes the manifest and the list of errors."""
        self._manifest.close()
        if self._errors is not None:
            self._errors.close()

    def add(self, report: Report) -> FileError | None:
        """Writes down a report, and returns what is wrong with its file, if something is."""
        self.progress.add(report)
        if isinstance(report, Done):
            self._manifest.append(self._entry(report).to_record())
            return self._note_truncated(report.job.path) if report.truncated else None
        if isinstance(report, Unchanged):
            return self._renew(report)
        if isinstance(report, Failed) and not report.fatal:
            return self._note(report.job.path, report.error, report.kind, report.trace)
        return None

    def _entry(self, done: Done) -> Entry:
        return Entry(
            name=done.job.name,
            path=str(Path(done.job.path).absolute()),
            content=done.content,
            settings=self._settings,
            precision=self._precision,
            outputs=done.num_bytes,
            identity=done.identity,
            frames=done.num_frames,
            tainted=done.num_tainted,
            truncated=done.truncated,
            seconds=round(done.seconds, 3),
            time=time.time(),
        )

    def _renew(self, report: Unchanged) -> FileError | None:
        """So that the next run need not read the file to know it."""
        old = self._entries[report.job.name]
        path = str(Path(report.job.path).absolute())
        new = replace(old, path=path, identity=report.identity, seconds=0.0, time=time.time())
        self._manifest.append(new.to_record())
        if not new.truncated:
            return None
        self.progress.add_truncated()
        return self._note_truncated(report.job.path)

    def _note_truncated(self, path: str) -> FileError:
        text = f"'{path}' was cut off: the results end where it ends"
        return self._note(path, text, "truncated")

    def _note(self, path: str, text: str, kind: str, trace: str = "") -> FileError:
        error = FileError(path, text, kind, round(time.time(), 3), trace)
        if self._errors is None:
            self._errors = AppendOnlyFile(self.errors_path)
        record = {"path": path, "error": text, "kind": kind, "time": error.time}
        self._errors.append(record)
        if self._on_error is not None:
            self._on_error(error)
        return error
