"""Results as records for JSON, the same for every output that writes JSON."""

import json
import math
from pathlib import Path
from typing import Any, cast

import numpy as np

from vidcache.frames import Discontinuity, Event, FrameResult, LabelChange, Track

__all__ = ["SCHEMA_VERSION", "json_line", "record_from_event", "records_from_result"]

SCHEMA_VERSION = 1


def json_line(record: dict[str, Any]) -> str:
    """A record as one line of JSON, without its line end.

    NumPy numbers become numbers, NaN and infinity null, paths text.
    """
    return json.dumps(_clean(record), ensure_ascii=False, separators=(", ", ": "))


def records_from_result(result: FrameResult) -> list[dict[str, Any]]:
    """The JSON records of one frame: discontinuities and new labels, the frame, its events.

    A discontinuity stands before its frame because the frame does not follow from what is above,
    and ``labels`` because its scores are of these and no longer of those named further up;
    an event stands after the frame at which it became known, and may name an earlier one. ``time``
    is there for live sources only, ``session`` once a tracker has been reset, and an object's
    ``action`` with its ``action_score`` where objects are labelled one by one.
    """
    frame: dict[str, Any] = {
        "type": "frame",
        "frame": result.index,
        "pts": round(result.pts_seconds, 6),
        "action": result.action,
        "actions": [
            {"label": action.label, "score": round(action.score, 4)} for action in result.actions
        ],
        "objects": [_record_from_track(track) for track in result.objects],
        "flags": list(result.flags),
    }
    if result.session:
        frame["session"] = result.session
    if result.time is not None:
        frame["time"] = round(result.time, 3)
    before = [record_from_event(e) for e in result.events if not isinstance(e, Event)]
    after = [record_from_event(e) for e in result.events if isinstance(e, Event)]
    return [*before, frame, *after]


def record_from_event(event: Event | Discontinuity | LabelChange) -> dict[str, Any]:
    """The JSON record of an action that began or ended, of a discontinuity, or of new labels."""
    place = {"frame": event.frame, "pts": round(event.pts_seconds, 6)}
    if isinstance(event, LabelChange):
        return {"type": "labels", **place, "labels": list(event.labels)}
    if isinstance(event, Discontinuity):
        known = {"type": "discontinuity", "reason": event.reason, **place}
        if event.detail:
            known["detail"] = event.detail
        if event.time is not None:
            known["time"] = round(event.time, 3)
        if event.seconds is not None:
            known["seconds"] = round(event.seconds, 6)
        return known
    record = {"type": "event", "kind": event.kind, "label": event.label, **place}
    if event.object_id is not None:
        record |= {"object": event.object_id, "session": event.session}
    return record


def _record_from_track(track: Track) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": track.id,
        "label": track.label,
        "score": round(track.score, 4),
        "box": [round(edge, 2) for edge in track.box_xyxy],
    }
    if track.action is not None:
        score = track.action_score
        record |= {"action": track.action}
        record |= {"action_score": None if score is None else round(score, 4)}
    return record


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
