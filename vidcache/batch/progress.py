"""How far a batch has come, and what came of it."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from vidcache.batch.jobs import Done, Failed, Job, Stopped, Unchanged, Working

__all__ = ["BatchProgress", "BatchReport", "FileError", "ProgressBuilder"]


@dataclass(frozen=True)
class FileError:
    """What is wrong with one file.

    Attributes:
        path: The file.
        error: The cause in one line.
        kind: A word for it: those of `vidcache.batch.jobs.Failed`, or ``truncated`` for a file
            that was cut and whose frames up to there have their results.
        time: When it was found, in seconds since the epoch.
        trace: The traceback of an error that nobody foresaw, else empty.
    """

    path: str
    error: str
    kind: str
    time: float
    trace: str = ""


@dataclass(frozen=True)
class BatchProgress:
    """How far a batch has come.

    Attributes:
        num_files: Files in all.
        num_known: Files whose results were there already.
        num_done: Files that were done now.
        num_failed: Files without results.
        num_truncated: Files that end too early; they are among those done or known.
        num_frames: Frames that were done now, those of files at work included.
        num_tainted: Damaged frames in the files that were done now.
        share: Share of the work that is done, 0 to 1, by the size of the files.
        seconds: Time since the work began.
    """

    num_files: int
    num_known: int
    num_done: int
    num_failed: int
    num_truncated: int
    num_frames: int
    num_tainted: int
    share: float
    seconds: float

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.num_frames / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Time until it is done, if it goes on like this; None if one cannot tell yet."""
        return self.seconds * (1 - self.share) / self.share if self.share > 0 else None


@dataclass(frozen=True)
class BatchReport:
    """What came of a batch.

    Attributes:
        progress: The last figures.
        num_workers: How many files were worked on at the same time.
        interrupted: Whether it was asked to stop before the end.
        failure: Why it could not go on, in one line; None if it did.
        errors_path: The list of bad files; None if there are none.
    """

    progress: BatchProgress
    num_workers: int
    interrupted: bool
    failure: str | None
    errors_path: str | None


class ProgressBuilder:
    """Adds up what an engine reports.

    Args:
        num_known: Files whose results are there.
        jobs: The work.
    """

    def __init__(self, num_known: int, jobs: Iterable[Job]) -> None:
        sizes = [job.num_bytes for job in jobs]
        self._num_files = num_known + len(sizes)
        self._num_known = num_known
        # Empty and missing files count for something, so that the work never is nothing.
        self._total = sum(sizes) + len(sizes)
        self._finished = 0
        self._num_done = self._num_failed = self._num_truncated = 0
        self._num_frames = self._num_tainted = 0
        self._working: dict[str, Working] = {}
        self._start = time.monotonic()

    def add_truncated(self) -> None:
        """Counts a file that is known to end too early."""
        self._num_truncated += 1

    def add(self, report: Working | Done | Unchanged | Failed | Stopped) -> None:
        """Counts what an engine said."""
        if isinstance(report, Working):
            self._working[report.job.name] = report
            return
        self._working.pop(report.job.name, None)
        if isinstance(report, Stopped):
            return
        self._finished += report.job.num_bytes + 1
        if isinstance(report, Done):
            self._num_done += 1
            self._num_frames += report.num_frames
            self._num_tainted += report.num_tainted
            self._num_truncated += report.truncated
        elif isinstance(report, Unchanged):
            self._num_known += 1
        else:
            self._num_failed += 1

    def build(self) -> BatchProgress:
        """The figures so far."""
        partly = sum(work.share * work.job.num_bytes for work in self._working.values())
        return BatchProgress(
            num_files=self._num_files,
            num_known=self._num_known,
            num_done=self._num_done,
            num_failed=self._num_failed,
            num_truncated=self._num_truncated,
            num_frames=self._num_frames + sum(w.num_frames for w in self._working.values()),
            num_tainted=self._num_tainted,
            share=(self._finished + partly) / self._total if self._total else 1.0,
            seconds=time.monotonic() - self._start,
        )
