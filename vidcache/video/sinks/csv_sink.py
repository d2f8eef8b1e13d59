"""Results as comma-separated values."""

import csv
import io
from typing import Any

from vidcache.frames import FrameResult
from vidcache.video.sinks.table import COLUMNS, rows_from_result
from vidcache.video.sinks.text_sink import TextSink

__all__ = ["CsvSink"]


class CsvSink(TextSink):
    """Writes one flat table: a row for each object, and one for a frame without any.

    The first line names the columns: ``frame,pts,time,action,action_score,session,id,label,score,
    x1,y1,x2,y2,object_action,object_action_score,flags``.
    ``session`` and ``id`` together name an object; several flags are joined by ``|``; what does
    not apply is empty. Lines end as RFC 4180 has it, in CR LF.

    Args:
        path: The file, which is replaced if it exists; ``-`` for standard output.
    """

    def _opening(self, header: dict[str, Any]) -> str:
        return ",".join(COLUMNS) + "\r\n"

    def _of_frame(self, result: FrameResult) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS)
        for row in rows_from_result(result):
            writer.writerow({**row, "flags": "|".join(row["flags"])})
        return text.getvalue()
