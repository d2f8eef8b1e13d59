# pyright: basic
"""Results as a Parquet file, for data frames and SQL."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcache.errors import MissingExtraError, SinkError
from vidcache.frames import Discontinuity, Frame, FrameResult
from vidcache.video.closing import Closing
from vidcache.video.sinks.records import json_line
from vidcache.video.sinks.table import COLUMNS, rows_from_result

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

__all__ = ["ParquetSink"]

_GROUP_ROWS = 5000


class ParquetSink(Closing):
    """Writes the table of `CsvSink` with typed columns, in row groups as the run goes on.

    ``flags`` is a list; the header stands in the file's metadata under ``vidcache`` as JSON. The
    format has its index at the end: a file is readable once the run has ended, in whatever orderly
    way, and what a killed program leaves is not. Where that matters, write CSV or JSON lines.

    Args:
        path: The file, which is replaced if it exists.
        group_rows: About how many rows are held in memory and then written as one group.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, path: str | os.PathLike[str], *, group_rows: int = _GROUP_ROWS) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise MissingExtraError("pyarrow", "parquet", "write Parquet files") from error
        self._arrow: Any = pyarrow
        self._path = Path(path)
        self._group_rows = group_rows
        self._rows: list[dict[str, Any]] = []
        self._writer: ParquetWriter | None = None
        self._finished = False

    def __repr__(self) -> str:
        return f"ParquetSink({str(self._path)!r})"

    @property
    def closed(self) -> bool:
        """True once it takes no more results."""
        return self._finished

    def open(self, header: dict[str, Any]) -> None:
        """Begin the file. See `Sink.open`."""
        schema = _schema(self._arrow).with_metadata({"vidcache": json_line(header)})
        try:
            self._writer = self._arrow.parquet.ParquetWriter(
                str(self._path), schema, compression="zstd"
            )
        except OSError as error:
            raise self._failure(error) from error

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Take the rows of one frame. See `Sink.write`."""
        if self._writer is None or self._finished:
            raise SinkError(f"'{self._path}' is not open: call open(header) before write")
        self._rows += rows_from_result(result)
        if len(self._rows) >= self._group_rows:
            self._write_group()

    def announce(self, discontinuity: Discontinuity) -> None:
        """Nothing: the table holds frames. See `Sink.announce`."""

    def close(self, end: dict[str, Any] | None = None) -> None:
        """Write what is held and the index. See `Sink.close`."""
        if self._finished:
            return
        try:
            if self._writer is not None and self._rows:
                self._write_group()
        finally:
            self._finish()

    def _write_group(self) -> None:
        assert self._writer is not None
        columns = {name: [row[name] for row in self._rows] for name in COLUMNS}
        self._rows = []
        table: pa.Table = self._arrow.table(columns, schema=self._writer.schema)
        try:
            self._writer.write_table(table)
        except OSError as error:
            raise self._failure(error) from error

    def _finish(self) -> None:
        self._finished = True
        writer, self._writer = self._writer, None
        try:
            if writer is not None:
                writer.close()
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> SinkError:
        # Arrow's own message repeats the path and the error's number.
        why = os.strerror(error.errno) if error.errno else str(error)
        return SinkError(f"cannot write the table '{self._path}': {why}")


def _schema(arrow: Any) -> "pa.Schema":
    whole, real, text = arrow.int64(), arrow.float64(), arrow.string()
    types = {
        **{"frame": whole, "pts": real, "time": real, "action": text, "action_score": real},
        **{"session": whole, "id": whole, "label": text, "score": real},
        **dict.fromkeys(("x1", "y1", "x2", "y2", "object_action_score"), real),
        "object_action": text,
        "flags": arrow.list_(text),
    }
    return arrow.schema([(name, types[name]) for name in COLUMNS])
