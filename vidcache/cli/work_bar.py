"""The progress bar of work whose amount becomes known on the way."""

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from vidcache.cli.terminal_bar import TerminalBar

__all__ = ["WorkBar"]


class WorkBar(TerminalBar):
    """Shows what is done, of how much, and the time that is left.

    Args:
        title: What is being done.
    """

    def __init__(self, title: str) -> None:
        super().__init__(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._task = self._bar.add_task(title, total=None)

    def update(self, done: int, total: int) -> None:
        """Shows new figures."""
        self._bar.update(self._task, completed=done, total=total or None)
