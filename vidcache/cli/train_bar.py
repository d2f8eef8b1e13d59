"""A training on a terminal: how far it is, and a table of its epochs above."""

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from vidcache.cli.terminal_bar import TerminalBar
from vidcache.training.epochs import Epoch

__all__ = ["TrainBar", "describe_epoch"]

_HEADER = "epoch     loss  val mAP  val acc     rate  seconds"


class TrainBar(TerminalBar):
    """Shows a share that is done, and lines that stay above it.

    Args:
        title: What is being done.
    """

    def __init__(self, title: str) -> None:
        super().__init__(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._task = self._bar.add_task(title, total=1)
        self._has_header = False

    def update(self, done: int, total: int) -> None:
        """Shows how much is done of how much."""
        self._bar.update(self._task, completed=done, total=total)

    def add_epoch(self, epoch: Epoch) -> None:
        """Adds a row to the table of epochs."""
        if not self._has_header:
            self._bar.console.print(_HEADER, highlight=False)
            self._has_header = True
        self._bar.console.print(describe_epoch(epoch), highlight=False, markup=False)


def describe_epoch(epoch: Epoch) -> str:
    """One row of the table of epochs; a star marks those that were the best so far."""
    return (
        f"{epoch.epoch:5d} {epoch.loss:8.4f} {epoch.mean_average_precision:8.4f} "
        f"{epoch.accuracy:8.4f} {epoch.learning_rate:8.1e} {epoch.seconds:8.1f}"
        f"{' *' if epoch.best else ''}"
    )
