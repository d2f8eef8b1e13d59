"""What progress bars share: they are shown while a block runs, and leave no trace."""

from typing import TypeVar

from rich.console import Console
from rich.progress import Progress, ProgressColumn

from vidcache.video.closing import Closing

__all__ = ["TerminalBar"]

_Bar = TypeVar("_Bar", bound="TerminalBar")


class TerminalBar(Closing):
    """A bar on the standard error, which must be a terminal.

    Args:
        columns: What stands beside each other.
    """

    def __init__(self, *columns: ProgressColumn) -> None:
        self._bar = Progress(
            *columns, console=Console(stderr=True), refresh_per_second=5, transient=True
        )

    def __enter__(self: _Bar) -> _Bar:
        self._bar.start()
        return self

    def write(self, line: str) -> None:
        """Write a line above the bar, where it stays."""
        self._bar.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Take it away."""
        self._bar.stop()
