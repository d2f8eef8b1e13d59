"""Names of files that come one after the other: ``camera.0001.mp4``, ``camera.0002.mp4``."""

import re
from pathlib import Path

from vidcache.errors import ConfigError, SinkError

__all__ = ["NumberedFiles"]


class NumberedFiles:
    """Files named after one path, with a number in front of the ending.

    Numbers go on after the highest that is there, so that a program started again replaces
    nothing; they have four digits or more, so that names sort in time up to the ten-thousandth.

    Args:
        path: The path that they are named after.
        keep_files: How many are kept: `prune` removes the oldest; None keeps all.

    Example:
        >>> import tempfile
        >>> files = NumberedFiles(Path(tempfile.mkdtemp()) / "camera.mp4")
        >>> files.next_path().name
        'camera.0001.mp4'
    """

    def __init__(self, path: Path, keep_files: int | None = None) -> None:
        if str(path) == "-":
            raise ConfigError("the standard output is one stream: it has no parts; name a file")
        if keep_files is not None and keep_files < 1:
            raise ConfigError(f"keep_files={keep_files}: expected at least 1")
        self._path = path
        self._keep = keep_files

    def paths(self) -> list[Path]:
        """The files that are there, oldest first.

        Raises:
            SinkError: The folder cannot be listed.
        """
        return [path for _, path in self._numbered()]

    def next_path(self) -> Path:
        """The path after the newest file that is there.

        Raises:
            SinkError: The folder cannot be listed.
        """
        found = self._numbered()
        number = found[-1][0] + 1 if found else 1
        return self._path.with_name(f"{self._path.stem}.{number:04d}{self._path.suffix}")

    def prune(self, num_others: int = 0) -> None:
        """Remove the oldest files until no more than ``keep_files`` are left.

        Args:
            num_others: Files with other names that count as well.
        """
        if self._keep is None:
            return
        paths = self.paths()
        for path in paths[: max(0, len(paths) + num_others - self._keep)]:
            path.unlink(missing_ok=True)

    def _numbered(self) -> list[tuple[int, Path]]:
        name = re.compile(
            rf"{re.escape(self._path.stem)}\.(\d{{4,}}){re.escape(self._path.suffix)}"
        )
        try:
            entries = list(self._path.parent.iterdir())
        except OSError as error:
            raise SinkError(
                f"cannot write '{self._path}': {error.strerror or error}; create its folder first"
            ) from error
        matches = ((name.fullmatch(entry.name), entry) for entry in entries)
        return sorted((int(match[1]), entry) for match, entry in matches if match)
