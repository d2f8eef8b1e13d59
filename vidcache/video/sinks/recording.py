"""Reading back the results of a video from JSON lines."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from vidcache.errors import InputError
from vidcache.frames import ActionScore, Discontinuity, Event, FrameResult, LabelChange, Track
from vidcache.video.sinks.records import SCHEMA_VERSION

__all__ = ["Recording", "iter_records", "read_jsonl"]


@dataclass(frozen=True)
class Recording:
    """The results of one video, read back.

    Attributes:
        header: What was watched, with what.
        frames: The result of each frame, with the events that were reported at it.
        events: Actions that began or ended, discontinuities, and changes of the labels, in the
            order of the file.
        end: The closing summary; None if the file was cut off.
    """

    header: dict[str, Any]
    frames: tuple[FrameResult, ...]
    events: tuple[Event | Discontinuity | LabelChange, ...]
    end: dict[str, Any] | None

    @property
    def complete(self) -> bool:
        """True if the file was written to its end."""
        return self.end is not None

    def __repr__(self) -> str:
        state = "complete" if self.complete else "cut off"
        return f"Recording({len(self.frames)} frames, {len(self.events)} events, {state})"


def iter_records(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """Read the records of a file one by one, the header first, without holding them all.

    A last line that was cut off is left out.

    Raises:
        InputError: The file is not of this kind, is damaged, or has another schema version.
    """
    with Path(path).open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith("\n"):
                return
            try:
                record: Any = json.loads(line)
            except ValueError as error:
                raise InputError(f"'{path}', line {number}: this is not JSON ({error})") from error
            if not isinstance(record, dict):
                raise InputError(f"'{path}', line {number}: expected a JSON object")
            fields = cast(dict[str, Any], record)
            if number == 1:
                _check_header(path, fields)
            yield fields


def read_jsonl(path: str | os.PathLike[str]) -> Recording:
    """Read a whole file of results.

    Raises:
        InputError: The file is not of this kind, is damaged, or has another schema version.
    """
    header: dict[str, Any] | None = None
    end: dict[str, Any] | None = None
    frames: list[FrameResult] = []
    events: list[Event | Discontinuity | LabelChange] = []
    pending: list[Discontinuity | LabelChange] = []
    for record in iter_records(path):
        kind = record.get("type")
        try:
            if kind == "header":
                header = record
            elif kind == "frame":
                frames.append(_result_from_record(record, pending))
                pending = []
            elif kind == "discontinuity":
                gap = Discontinuity(
                    record["reason"],
                    record["frame"],
                    record["pts"],
                    record.get("detail", ""),
                    record.get("time"),
                    record.get("seconds"),
                )
                pending.append(gap)
                events.append(gap)
            elif kind == "labels":
                change = LabelChange(record["frame"], record["pts"], tuple(record["labels"]))
                pending.append(change)
                events.append(change)
            elif kind == "event":
                event = Event(
                    record["kind"],
                    record["label"],
                    record["frame"],
                    record["pts"],
                    record.get("object"),
                    record.get("session", 0),
                )
                events.append(event)
                if frames:
                    frames[-1] = replace(frames[-1], events=(*frames[-1].events, event))
            elif kind == "end":
                end = record
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"'{path}': a {kind} record without {error}") from error
    if header is None:
        raise InputError(f"'{path}' has no header: it is empty or not a file of results")
    return Recording(header, tuple(frames), tuple(events), end)


def _check_header(path: str | os.PathLike[str], record: dict[str, Any]) -> None:
    if record.get("type") != "header":
        raise InputError(f"'{path}' does not begin with a header: it is not a file of results")
    version = record.get("schema")
    if version != SCHEMA_VERSION:
        raise InputError(
            f"'{path}' has schema version {version}, this program reads {SCHEMA_VERSION}: "
            "read it with the version of vidcache that wrote it"
        )


def _result_from_record(
    record: dict[str, Any], before: list[Discontinuity | LabelChange]
) -> FrameResult:
    return FrameResult(
        index=record["frame"],
        pts_seconds=record["pts"],
        action=record["action"],
        actions=tuple(ActionScore(item["label"], item["score"]) for item in record["actions"]),
        objects=tuple(_track(item) for item in record["objects"]),
        session=record.get("session", 0),
        time=record.get("time"),
        flags=tuple(record["flags"]),
        events=tuple(before),
    )


def _track(item: dict[str, Any]) -> Track:
    left, top, right, bottom = item["box"]
    return Track(
        item["id"],
        item["label"],
        item["score"],
        (left, top, right, bottom),
        action=item.get("action"),
        action_score=item.get("action_score"),
    )
