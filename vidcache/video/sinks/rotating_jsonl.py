"""JSON lines in several files, for cameras that never end."""

import os
from pathlib import Path
from typing import Any

from vidcache.errors import ConfigError, SinkError
from vidcache.frames import Discontinuity, Frame, FrameResult, LabelChange
from vidcache.video.closing import Closing
from vidcache.video.sinks.jsonl import JsonlSink
from vidcache.video.sinks.numbered_files import NumberedFiles
from vidcache.video.sinks.recovery import Recovery

__all__ = ["RotatingJsonlSink"]


class RotatingJsonlSink(Closing):
    """Writes JSON lines into one file, and puts it aside under a number when it is full.

    The newest file always has the name that was given, ``camera.jsonl``: ``tail -F`` follows it
    from one to the next. Those before it are ``camera.0001.jsonl``, ``camera.0002.jsonl``, … and
    ``camera*.jsonl`` sorted by name is the order of time. Each file is whole in itself: a header
    with its ``part`` (from 1 in each run), then frames, then an ``end``, which in all but the last
    says ``"continued": true`` and counts the file's own ``frames``; the last one's counts are
    those of the whole run. A file that was there when a run begins is put aside as well, so a
    program that is started again replaces nothing.

    If a live source's file cannot be written, because the disk is full for instance, the sink
    goes on in a new part as soon as it can; its header says how many frames are ``lost``. A
    failure during the run of a file is an error.

    Args:
        path: The newest file.
        max_bytes: A part ends with the frame that makes it this large.
        max_seconds: A part ends before the first frame whose presentation time lies so long
            after that of its first.
        keep_files: How many files there are at most, the newest included; older ones are removed.
        retry_seconds: About how long to wait after a first failure, and at most.

    Raises:
        ConfigError: A limit that makes no sense, or the standard output, which has no parts.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int | None = None,
        max_seconds: float | None = None,
        keep_files: int | None = None,
        retry_seconds: tuple[float, float] = (1.0, 60.0),
    ) -> None:
        for name, limit in (("max_bytes", max_bytes), ("max_seconds", max_seconds)):
            if limit is not None and limit <= 0:
                raise ConfigError(f"{name}={limit}: expected more than 0")
        self._path = Path(path)
        self._aside = NumberedFiles(self._path, keep_files)
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._recovery = Recovery(str(self._path), *retry_seconds)
        self._header: dict[str, Any] = {}
        self._live = False
        self._part: JsonlSink | None = None
        self._part_number = 0
        self._part_frames = 0
        self._part_start = 0.0
        self._num_lost = 0
        self._num_dropped = 0
        self._finished = False

    @property
    def name(self) -> str:
        """What the sink is called where its time and its losses are told."""
        return "jsonl"

    @property
    def closed(self) -> bool:
        """True once it takes no more results."""
        return self._finished

    @property
    def num_dropped(self) -> int:
        """Frames of a live source that are in no file because none could be written."""
        return self._num_dropped

    def open(self, header: dict[str, Any]) -> None:
        """Put aside a file that is there, and begin the first part. See `Sink.open`."""
        self._header = header
        self._live = bool(header.get("live"))
        self._begin()

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Write the records of one frame, in a new part if it is time. See `Sink.write`."""
        self._check_open()
        for event in result.events:
            if isinstance(event, LabelChange):
                # Parts to come begin with what holds then.
                self._header = {**self._header, "labels": list(event.labels)}
        try:
            if self._is_full(result.pts_seconds):
                self._end_part()
            part = self._part or self._begin_again()
            if part is not None:
                part.write(frame, result)
                if self._part_frames == 0:
                    self._part_start = result.pts_seconds
                self._part_frames += 1
                return
        except SinkError as error:
            self._recover_from(error)
        self._num_lost += 1
        self._num_dropped += 1

    def announce(self, discontinuity: Discontinuity) -> None:
        """Write a ``discontinuity`` record at once. See `Sink.announce`."""
        self._check_open()
        try:
            part = self._part or self._begin_again()
            if part is not None:
                part.announce(discontinuity)
        except SinkError as error:
            self._recover_from(error)

    def close(self, end: dict[str, Any] | None = None) -> None:
        """Write the end record of the run and close the file. See `Sink.close`."""
        if self._finished:
            return
        self._finished = True
        part, self._part = self._part, None
        if part is not None:
            part.close(None if end is None else {**end, "part": self._part_number})

    def _check_open(self) -> None:
        if self._finished or self._part_number == 0:
            raise SinkError(f"'{self._path}' is not open: call open(header) before write")

    def _is_full(self, now: float) -> bool:
        if self._part is None or self._part_frames == 0:
            return False
        too_large = self._max_bytes is not None and self._part.num_bytes >= self._max_bytes
        too_long = self._max_seconds is not None and now - self._part_start >= self._max_seconds
        return too_large or too_long

    def _begin(self) -> JsonlSink:
        try:
            if self._path.exists() and self._path.stat().st_size:
                self._path.replace(self._aside.next_path())
            self._aside.prune(num_others=1)
        except OSError as error:
            raise SinkError(
                f"cannot write results to '{self._path}': {error.strerror or error}"
            ) from error
        self._part_number += 1
        lost = {"lost": self._num_lost} if self._num_lost else {}
        part = JsonlSink(self._path)
        part.open({**self._header, "part": self._part_number, **lost})
        self._part = part
        self._part_frames = 0
        self._recovery.note_success(self._num_lost)
        self._num_lost = 0
        return part

    def _begin_again(self) -> JsonlSink | None:
        """A new part after the last one ended or failed; None while it is too early to try."""
        return self._begin() if self._recovery.due else None

    def _end_part(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            end = {"frames": self._part_frames, "part": self._part_number, "continued": True}
            part.close(end)

    def _recover_from(self, error: SinkError) -> None:
        part, self._part = self._part, None
        if part is not None:
            part.close()
        if not self._live:
            self._finished = True
            raise error
        self._recovery.note_failure(error)
