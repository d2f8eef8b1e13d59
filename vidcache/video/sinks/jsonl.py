"""Results as JSON lines, written while the video is watched.

One JSON object a line: first a ``header``; then for every frame its ``discontinuity`` records, a
``labels`` record where the labels were changed for others, the ``frame``, and its ``event`` records
(actions that began or ended, as known at that frame); last an ``end``. A file without an ``end``
was cut off, and all its whole lines are good.
"""

import os
from typing import Any

from vidcache.frames import Discontinuity, FrameResult
from vidcache.video.sinks.records import (
    SCHEMA_VERSION,
    json_line,
    record_from_event,
    records_from_result,
)
from vidcache.video.sinks.text_sink import TextSink

__all__ = ["JsonlSink"]


class JsonlSink(TextSink):
    """Writes results as JSON lines, each frame flushed as it is written.

    A lost camera (`Sink.announce`) gets its ``discontinuity`` record at once. At the end, events
    under ``"events"``, known only now that the stream is over, get records of their own in front
    of the ``end``; without an end record none of them is written.

    Args:
        path: The file, which is replaced if it exists; ``-`` for standard output.
        name: What the source is called. With it every record has a ``name``, so that the records
            of sources that share the standard output can be told apart.

    Example:
        >>> import numpy as np, tempfile
        >>> from pathlib import Path
        >>> from vidcache.frames import ActionScore, Frame, FrameResult
        >>> from vidcache.video import read_jsonl
        >>> path = Path(tempfile.mkdtemp()) / "results.jsonl"
        >>> with JsonlSink(path) as sink:
        ...     sink.open({"source": "camera", "labels": ["stand", "walk"]})
        ...     result = FrameResult(0, 0.0, "walk", (ActionScore("walk", 0.9),))
        ...     sink.write(Frame(np.zeros((4, 4, 3), np.uint8), 0, 0.0), result)
        ...     sink.close({"frames": 1})
        >>> read_jsonl(path).frames[0].action
        'walk'
    """

    def __init__(self, path: str | os.PathLike[str], *, name: str | None = None) -> None:
        super().__init__(path)
        self._source_name = name

    def _opening(self, header: dict[str, Any]) -> str:
        return self._lines([{"type": "header", "schema": SCHEMA_VERSION, **header}])

    def _of_frame(self, result: FrameResult) -> str:
        return self._lines(records_from_result(result))

    def _of_gap(self, discontinuity: Discontinuity) -> str:
        return self._lines([record_from_event(discontinuity)])

    def _closing(self, end: dict[str, Any] | None) -> str:
        if end is None:
            return ""
        record = {"type": "end", **end}
        events = [record_from_event(event) for event in record.pop("events", ())]
        return self._lines([*events, record])

    def _lines(self, records: list[dict[str, Any]]) -> str:
        if self._source_name is not None:
            records = [{"type": r["type"], "name": self._source_name, **r} for r in records]
        return "".join(f"{json_line(record)}\n" for record in records)
