"""Messages that wait on disk until somebody takes them."""

import json
import os
from collections import deque
from pathlib import Path
from typing import Any

from vidcache.errors import ConfigError, SinkError
from vidcache.video.sinks.records import json_line

__all__ = ["Spool"]

_NUM_PARTS = 8


class Spool:
    """A queue of messages in a folder, of bounded size, that outlives the program.

    The messages stand as JSON lines in numbered files. They come out in the order in which they
    went in. When they take too much room the oldest file goes, and its messages are counted. After
    a crash the messages of one file may come out a second time; their ``id`` tells. The folder
    belongs to one spool at a time.

    Args:
        folder: Where the files are; it is made if it is missing.
        max_bytes: How much room they take at most.

    Raises:
        ConfigError: ``max_bytes`` is not above 0.
        SinkError: The folder cannot be made or read.

    Example:
        >>> import tempfile
        >>> spool = Spool(tempfile.mkdtemp(), max_bytes=100_000)
        >>> spool.append({"id": "a"}); spool.append({"id": "b"})
        >>> spool.first(), len(spool)
        ({'id': 'a'}, 2)
        >>> spool.remove_first(); spool.first()
        {'id': 'b'}
    """

    def __init__(self, folder: str | os.PathLike[str], *, max_bytes: int) -> None:
        if max_bytes <= 0:
            raise ConfigError(f"a spool of {max_bytes} bytes: expected more than 0")
        self._folder = Path(folder)
        self._max_bytes = max_bytes
        self._part_bytes = max(1, max_bytes // _NUM_PARTS)
        self._files: deque[tuple[Path, int, int]] = deque()
        # The oldest file's messages that were not removed; empty while nobody asked for the first.
        self._first_file: deque[dict[str, Any]] = deque()
        self._next_number = 1
        self._sealed = True
        self.num_dropped = 0
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(self._folder.glob("[0-9]*.jsonl")):
                self._files.append((path, len(_messages(path)), path.stat().st_size))
                self._next_number = int(path.stem) + 1
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise SinkError(f"cannot keep messages in '{self._folder}': {why}") from error

    def __len__(self) -> int:
        waiting = sum(count for _, count, _ in self._files)
        if self._first_file:
            waiting -= self._files[0][1] - len(self._first_file)
        return waiting

    def append(self, message: dict[str, Any]) -> None:
        """Put a message at the end; where there is no room for it, the oldest go.

        Raises:
            OSError: It cannot be written.
        """
        data = (json_line(message) + "\n").encode()
        if self._sealed or not self._files or self._files[-1][2] >= self._part_bytes:
            path = self._folder / f"{self._next_number:010d}.jsonl"
            self._next_number += 1
            self._files.append((path, 0, 0))
            self._sealed = False
        path, count, size = self._files[-1]
        with path.open("ab") as file:
            file.write(data)
        self._files[-1] = (path, count + 1, size + len(data))
        while len(self._files) > 1 and sum(s for _, _, s in self._files) > self._max_bytes:
            self.num_dropped += len(self._first_file) or self._files[0][1]
            self._forget_first_file()

    def first(self) -> dict[str, Any] | None:
        """The oldest message, which stays; None if there is none."""
        while not self._first_file and self._files:
            # What is read is no longer written to.
            self._sealed = self._sealed or len(self._files) == 1
            try:
                self._first_file = deque(_messages(self._files[0][0]))
            except OSError:
                self.num_dropped += self._files[0][1]
            if not self._first_file:
                self._forget_first_file()
        return self._first_file[0] if self._first_file else None

    def remove_first(self) -> None:
        """Take away the message that `first` gave."""
        self._first_file.popleft()
        if not self._first_file:
            self._forget_first_file()

    def close(self) -> None:
        """Leave on disk what is still waiting, and nothing else."""
        if self._first_file and len(self._first_file) < self._files[0][1]:
            path = self._files[0][0]
            rest = path.with_suffix(".rest")
            text = "".join(json_line(message) + "\n" for message in self._first_file)
            rest.write_text(text, encoding="utf-8")
            rest.replace(path)

    def _forget_first_file(self) -> None:
        path, _, _ = self._files.popleft()
        self._first_file.clear()
        path.unlink(missing_ok=True)


def _messages(path: Path) -> list[dict[str, Any]]:
    """The whole messages of a file; a line that was cut off is left out."""
    found: list[dict[str, Any]] = []
    for line in path.read_bytes().splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
