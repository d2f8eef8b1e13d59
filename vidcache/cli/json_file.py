"""Results as a JSON file."""

import json
from collections.abc import Mapping
from pathlib import Path

from vidcache.errors import SinkError

__all__ = ["write_json"]


def write_json(path: Path, values: Mapping[str, object]) -> None:
    """Writes values to a file that people can read, too.

    Args:
        path: The file, which is replaced if it exists.
        values: Plain values without NaN.

    Raises:
        SinkError: It cannot be written.
    """
    text = json.dumps(values, indent=1, allow_nan=False)
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"cannot write {path}: {error.strerror}") from error
