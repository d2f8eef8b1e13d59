"""A CSV file, read so that a message can name the line of a value."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vidcache.config.validation import nearest_name
from vidcache.errors import DataError
from vidcache.training.data.annotations import Place
from vidcache.training.data.problems import Problems

__all__ = ["CsvTable", "read_header", "read_table", "read_text"]


@dataclass(frozen=True)
class CsvTable:
    """The rows of a CSV file.

    Attributes:
        columns: The names in its first line.
        rows: Where each row stands, and its values by column.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Place, dict[str, str]]]


def read_table(path: Path, needed: Sequence[str], problems: Problems) -> CsvTable:
    """Reads a CSV file whose first line names the columns.

    Commas, semicolons or tabs separate values. A row of another length is a mistake, and is left
    out; so are blank rows.

    Args:
        path: The file.
        needed: Columns that it must have.
        problems: Where mistakes go.

    Raises:
        DataError: It cannot be read, is empty, or a column is missing.
    """
    text = read_text(path)
    if not text.strip():
        raise DataError(f"{path}: the file is empty: expected a line '{','.join(needed)}'")
    delimiter = _delimiter(text.partition("\n")[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    columns = tuple(name.strip() for name in next(reader))
    for name in needed:
        if name not in columns:
            others = [column for column in columns if column not in needed]
            hint = nearest_name(name, others) if others else ""
            hint = hint.replace("did you mean", "is it").replace("expected one", "its columns")
            raise DataError(f"{path}, line 1: the column {name!r} is missing; {hint}".rstrip("; "))
    rows: list[tuple[Place, dict[str, str]]] = []
    is_empty = True
    while True:
        line = reader.line_num + 1
        try:
            values = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            raise DataError(f"{path}, line {line}: {error}") from error
        if not any(value.strip() for value in values):
            continue
        place = Place(path, line)
        is_empty = False
        if len(values) != len(columns):
            problems.mistake(
                place, f"{len(values)} values, expected {len(columns)}: {', '.join(columns)}"
            )
            continue
        cells = (value.strip() for value in values)
        rows.append((place, dict(zip(columns, cells, strict=True))))
    if is_empty:
        raise DataError(f"{path}: there is no row below the line of columns: expected labels")
    return CsvTable(columns, rows)


def read_header(path: Path) -> tuple[str, ...]:
    """Returns the names of the columns of a CSV file.

    Raises:
        DataError: It cannot be read.
    """
    first = read_text(path).partition("\n")[0]
    reader = csv.reader([first], delimiter=_delimiter(first), skipinitialspace=True)
    return tuple(name.strip() for name in next(reader, ()))


def read_text(path: Path) -> str:
    """Reads a text file, with or without a byte order mark.

    Raises:
        DataError: It cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise DataError(f"cannot read the labels '{path}': {reason}") from error


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)
