"""A JSON file, read so that a message can name the line of a key."""

import json
from pathlib import Path
from typing import Any, cast

from vidcache.errors import DataError
from vidcache.training.data.annotations import Place
from vidcache.training.data.csv_table import read_text

__all__ = ["JsonFile"]


class JsonFile:
    """What a JSON file holds.

    Args:
        path: The file.

    Raises:
        DataError: It cannot be read, or holds no object.

    Attributes:
        path: The file.
        values: Its object.
    """

    def __init__(self, path: Path) -> None:
        self._text = read_text(path)
        self._at, self._line = 0, 1
        self.path = path
        if not self._text.strip():
            raise DataError(f"{path}: the file is empty: expected a JSON object")
        try:
            values: object = json.loads(self._text)
        except json.JSONDecodeError as error:
            raise DataError(
                f"{path}, line {error.lineno}: this is no valid JSON: {error.msg}"
            ) from error
        if not isinstance(values, dict):
            raise DataError(f"{path}: expected a JSON object, got a {type(values).__name__}")
        self.values = cast("dict[str, Any]", values)

    def place_after(self, key: str) -> Place:
        """Say where a key stands. Keys must be asked for in the order of the file.

        Args:
            key: The next one.
        """
        # A file may write what is not ASCII as it is, or escaped.
        written = (json.dumps(key, ensure_ascii=escaped) for escaped in (True, False))
        found = max(self._text.find(name, self._at) for name in written)
        if found < 0:
            return Place(self.path)
        self._line += self._text.count("\n", self._at, found)
        self._at = found + 1
        return Place(self.path, self._line)
