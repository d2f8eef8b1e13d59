"""A batch's progress bar on a terminal."""

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

from vidcache.batch import BatchProgress
from vidcache.cli.terminal_bar import TerminalBar

__all__ = ["BatchBar"]


class BatchBar(TerminalBar):
    """Shows files, frames and the time that is left; errors told meanwhile stand above it."""

    def __init__(self) -> None:
        super().__init__(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:3.0f} %"),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
        )
        self._task = self._bar.add_task("batch", total=1.0, note="loading the models")

    def update(self, progress: BatchProgress) -> None:
        """Shows new figures."""
        done = progress.num_known + progress.num_done + progress.num_failed
        parts = [f"{done}/{progress.num_files} files"]
        if progress.num_failed:
            parts.append(f"{progress.num_failed} failed")
        parts.append(f"{progress.num_frames} frames, {progress.fps:.1f}/s")
        if progress.seconds_left is not None:
            parts.append(f"{_clock(progress.seconds_left)} left")
        self._bar.update(self._task, completed=progress.share, note=", ".join(parts))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
