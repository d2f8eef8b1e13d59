"""Results as one flat table: a row for each object, and one for a frame without any."""

from typing import Any

from vidcache.frames import FrameResult, Track

__all__ = ["COLUMNS", "rows_from_result"]

_OF_OBJECT = (
    *("id", "label", "score", "x1", "y1", "x2", "y2"),
    *("object_action", "object_action_score"),
)
COLUMNS = (
    *("frame", "pts", "time", "action", "action_score", "session"),
    *_OF_OBJECT,
    "flags",
)
"""The columns in order.

``frame`` is the frame's index from 0, ``pts`` its presentation time in seconds, ``time`` its
arrival in seconds since the epoch (live sources only), ``action`` the action shown and
``action_score`` the best action's score, ``session`` that of the tracker; ``id`` to ``y2`` describe
the object and are empty for a frame without any; ``object_action`` is what this object does and
``object_action_score`` how sure that is, empty where objects are not labelled one by one; ``flags``
are the frame's.
"""


def rows_from_result(result: FrameResult) -> list[dict[str, Any]]:
    """The rows of one frame, at least one, by column; None where there is nothing to say."""
    frame: dict[str, Any] = {
        "frame": result.index,
        "pts": round(result.pts_seconds, 6),
        "time": None if result.time is None else round(result.time, 3),
        "action": result.action,
        "action_score": round(result.actions[0].score, 4) if result.actions else None,
        "session": result.session,
        "flags": result.flags,
    }
    return [{**frame, **_object_fields(track)} for track in result.objects] or [
        {**frame, **dict.fromkeys(_OF_OBJECT)}
    ]


def _object_fields(track: Track) -> dict[str, Any]:
    x1, y1, x2, y2 = (round(float(edge), 2) for edge in track.box_xyxy)
    box = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    score = track.action_score
    return {
        **{"id": track.id, "label": track.label, "score": round(track.score, 4), **box},
        "object_action": track.action,
        "object_action_score": None if score is None else round(score, 4),
    }
