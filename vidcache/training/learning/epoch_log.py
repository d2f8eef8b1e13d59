"""The log of a training: a line of JSON an epoch."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

from vidcache.errors import ModelError
from vidcache.training.learning.epochs import Epoch

__all__ = ["EpochLog"]


class EpochLog:
    """Writes epochs to a file, line by line.

    Args:
        path: The file; it is begun anew, with the epochs that are done: of those that a kill came
            after, but before their checkpoint, nothing is left.
        done: Epochs that are done.

    Raises:
        ModelError: The file cannot be written.
    """

    def __init__(self, path: Path, done: Sequence[Epoch]) -> None:
        self._path = path
        try:
            self._file = path.open("w", encoding="utf-8", buffering=1)
        except OSError as error:
            raise ModelError(f"cannot write {path}: {error.strerror or error}") from error
        for epoch in done:
            self.write(epoch)

    def __enter__(self) -> "EpochLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, epoch: Epoch) -> None:
        """Add an epoch."""
        values = {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(epoch).items()
        }
        self._file.write(json.dumps(values) + "\n")
