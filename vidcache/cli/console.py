"""What people see: messages on the standard error, progress on a terminal."""

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

__all__ = [
    "Progress",
    "Work",
    "show_error",
    "show_log",
    "show_message",
    "show_progress",
    "show_work",
]


def show_message(text: str) -> None:
    """Writes one line to the standard error."""
    print(f"vidcache: {_one_line(text)}", file=sys.stderr, flush=True)


def show_error(text: str) -> None:
    """Writes an error as one line to the standard error."""
    show_message(f"error: {text}")


@contextmanager
def show_log() -> Generator[None]:
    """Shows what the library logs while the block runs, from information on, as messages."""
    logger = logging.getLogger("vidcache")
    before = logger.level
    handler = _Messages()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


class _Messages(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Shows a record as one line."""
        level = "warning: " if record.levelno >= logging.WARNING else ""
        try:
            show_message(f"{level}{record.getMessage()}")
        except Exception:  # nobody reads the standard error any more: the run goes on
            self.handleError(record)


class Progress(Protocol):
    """Shows how far a run has come."""

    def advance(self, note: str) -> None:
        """Counts one frame and shows ``note`` beside the bar."""
        ...


@contextmanager
def show_progress(title: str, total: int | None) -> Generator[Progress]:
    """Shows a bar while the block runs, if the standard error is a terminal.

    Args:
        title: What is being done.
        total: Expected number of frames, or None if nobody knows.
    """
    if not sys.stderr.isatty():
        yield _Quiet()
        return
    # rich takes a while to load, and pipes do not need it.
    from vidcache.cli.progress_bar import ProgressBar

    with ProgressBar(title, total) as bar:
        yield bar


class Work(Protocol):
    """Shows how much of some work is done."""

    def update(self, done: int, total: int) -> None:
        """Shows new figures."""
        ...

    def write(self, line: str) -> None:
        """Writes a line that stays."""
        ...


@contextmanager
def show_work(title: str) -> Generator[Work]:
    """Shows a bar while the block runs, if the standard error is a terminal.

    Args:
        title: What is being done.
    """
    if not sys.stderr.isatty():
        yield _Quiet()
        return
    from vidcache.cli.work_bar import WorkBar

    with WorkBar(title) as bar:
        yield bar


class _Quiet:
    """Shows no bar: the output is a file or a pipe."""

    def advance(self, note: str) -> None:
        """Shows nothing."""

    def update(self, done: int, total: int) -> None:
        """Shows nothing."""

    def write(self, line: str) -> None:
        """Writes a line to the standard error."""
        print(line, file=sys.stderr, flush=True)


def _one_line(text: str) -> str:
    return " ".join(text.split())
