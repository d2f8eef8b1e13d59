"""Results as JSON lines, written while the video is watched.

One JSON object a line: first a ``header``; then for every frame its ``discontinuity`` records, the
``frame``, and its ``event`` records (actions that began or ended, as known at that frame); last an
``end``. A file without an ``end`` was cut off, and all its whole lines are good.
"""

import json
import math
import os
import sys
from pathlib import Path
from typing import Any, TextIO, cast

import numpy as np

from vidcache.errors import SinkError
from vidcache.frames import Discontinuity, Event, Frame, FrameResult
from vidcache.video.closing import Closing

__all__ = ["SCHEMA_VERSION", "JsonlSink", "records_from_result"]

SCHEMA_VERSION = 1


class JsonlSink(Closing):
    """Writes results as JSON lines, each flushed as it is written.

    Args:
        path: The file, which is replaced if it exists; ``-`` for standard output.

    Example:
        >>> import numpy as np, tempfile
        >>> from vidcache.frames import ActionScore, Frame, FrameResult
        >>> from vidcache.video.sinks.recording import read_jsonl
        >>> path = Path(tempfile.mkdtemp()) / "results.jsonl"
        >>> with JsonlSink(path) as sink:
        ...     sink.open({"source": "camera", "labels": ["stand", "walk"]})
        ...     result = FrameResult(0, 0.0, "walk", (ActionScore("walk", 0.9),))
        ...     sink.write(Frame(np.zeros((4, 4, 3), np.uint8), 0, 0.0), result)
        ...     sink.close({"frames": 1})
        >>> read_jsonl(path).frames[0].action
        'walk'
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._name = os.fspath(path)
        self._file: TextIO | None = None
        self._finished = False

    @property
    def closed(self) -> bool:
        """True once it takes no more results."""
        return self._finished

    def open(self, header: dict[str, Any]) -> None:
        """Open the file and write the header. See `Sink.open`."""
        try:
            self._file = _open_stdout() if self._name == "-" else _open_file(self._name)
        except OSError as error:
            raise SinkError(
                f"cannot write results to '{self._name}': {error.strerror or error}"
            ) from error
        self._write({"type": "header", "schema": SCHEMA_VERSION, **header})

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Write the records of one frame. See `Sink.write`."""
        for record in records_from_result(result):
            self._write(record)

    def close(self, end: dict[str, Any] | None = None) -> None:
        """Write the end record, if there is one, and close the file. See `Sink.close`.

        Events under ``"events"``, known only now that the stream is over, get records of their
        own in front of it.
        """
        if self._finished:
            return
        try:
            if end is not None and self._file is not None:
                record = {"type": "end", **end}
                for event in record.pop("events", ()):
                    self._write(_record_from_event(event))
                self._write(record)
        finally:
            self._finished = True
            file, self._file = self._file, None
            if file is not None and file is not sys.stdout:
                file.close()

    def _write(self, record: dict[str, Any]) -> None:
        if self._file is None:
            raise SinkError(f"'{self._name}' is not open: call open(header) before write")
        line = json.dumps(_clean(record), ensure_ascii=False, separators=(", ", ": "))
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError as error:
            self._abandon()
            what = (
                "whoever was reading them has gone"
                if isinstance(error, BrokenPipeError)
                else (error.strerror or str(error))
            )
            raise SinkError(f"cannot write results to '{self._name}': {what}") from error

    def _abandon(self) -> None:
        """Let go of a file that takes no more, without its buffer failing again on the way."""
        file, self._file = self._file, None
        self._finished = True
        if file is not None and file is not sys.stdout:
            try:
                file.close()
            except OSError:
                return


def records_from_result(result: FrameResult) -> list[dict[str, Any]]:
    """The JSON records of one frame: its discontinuities, the frame, its events.

    A discontinuity stands before its frame because the frame does not follow from what is above;
    an event stands after the frame at which it became known, and may name an earlier one. ``time``
    is there for live sources only, ``session`` once a tracker has been reset.
    """
    frame: dict[str, Any] = {
        "type": "frame",
        "frame": result.index,
        "pts": round(result.pts_seconds, 6),
        "action": result.action,
        "actions": [
            {"label": action.label, "score": round(action.score, 4)} for action in result.actions
        ],
        "objects": [
            {
                "id": track.id,
                "label": track.label,
                "score": round(track.score, 4),
                "box": [round(edge, 2) for edge in track.box_xyxy],
            }
            for track in result.objects
        ],
        "flags": list(result.flags),
    }
    if result.session:
        frame["session"] = result.session
    if result.time is not None:
        frame["time"] = round(result.time, 3)
    before = [_record_from_event(e) for e in result.events if isinstance(e, Discontinuity)]
    after = [_record_from_event(e) for e in result.events if isinstance(e, Event)]
    return [*before, frame, *after]


def _record_from_event(event: Event | Discontinuity) -> dict[str, Any]:
    place = {"frame": event.frame, "pts": round(event.pts_seconds, 6)}
    if isinstance(event, Discontinuity):
        known = {"type": "discontinuity", "reason": event.reason, **place}
        if event.detail:
            known["detail"] = event.detail
        if event.time is not None:
            known["time"] = round(event.time, 3)
        return known
    return {"type": "event", "kind": event.kind, "label": event.label, **place}


def _clean(value: Any) -> Any:
    """The same value in what JSON knows: NumPy numbers as numbers, NaN and infinity as null."""
    if isinstance(value, dict):
        fields = cast(dict[Any, Any], value)
        return {str(key): _clean(item) for key, item in fields.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in cast(list[Any], value)]
    if isinstance(value, np.generic):
        return _clean(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value


def _open_file(name: str) -> TextIO:
    return Path(name).open("w", encoding="utf-8", newline="\n")


def _open_stdout() -> TextIO:
    """Standard output on a descriptor of its own.

    So a reader that goes away (``| head``) fails here, once, and not again when Python exits.
    """
    sys.stdout.flush()
    try:
        descriptor = os.dup(sys.stdout.fileno())
    except (OSError, ValueError):
        return sys.stdout
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="\n")
