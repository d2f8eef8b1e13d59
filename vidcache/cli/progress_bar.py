"""A progress bar on a terminal."""

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from vidcache.cli.terminal_bar import TerminalBar

__all__ = ["ProgressBar"]


class ProgressBar(TerminalBar):
    """Shows frames done, frames a second and a note; it leaves no trace when it is closed.

    Args:
        title: What is being done.
        total: Expected number of frames, or None if nobody knows.
    """

    def __init__(self, title: str, total: int | None) -> None:
        super().__init__(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[note]}", markup=False),
        )
        self._task = self._bar.add_task(title, total=total, rate="", note="")

    def advance(self, note: str) -> None:
        """Counts one frame and shows ``note`` beside the bar."""
        speed = self._bar.tasks[0].speed
        rate = f"{speed:.1f}/s" if speed else ""
        self._bar.update(self._task, advance=1, rate=rate, note=note)
