"""The table of a training's epochs, a row as each one ends."""

from collections.abc import Callable

from vidcache.training.learning.epochs import Epoch

__all__ = ["EpochTable"]

_HEADER = "epoch     loss  val mAP  val acc     rate  seconds"


class EpochTable:
    """Writes a row for each epoch; a star marks those that were the best so far.

    Args:
        write: Takes one line of text.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._has_header = False

    def add(self, epoch: Epoch) -> None:
        """Writes the row of an epoch, the first one below the names of the columns."""
        if not self._has_header:
            self._write(_HEADER)
            self._has_header = True
        self._write(
            f"{epoch.epoch:5d} {epoch.loss:8.4f} {epoch.mean_average_precision:8.4f} "
            f"{epoch.accuracy:8.4f} {epoch.learning_rate:8.1e} {epoch.seconds:8.1f}"
            f"{' *' if epoch.best else ''}"
        )
