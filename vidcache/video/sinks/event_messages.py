"""What a webhook or a broker is told: actions that begin and end, gaps, and other labels."""

import uuid
from typing import Any, TypeAlias

from vidcache.errors import ConfigError
from vidcache.frames import Discontinuity, Event, FrameResult, LabelChange
from vidcache.video.sinks.records import SCHEMA_VERSION, record_from_event

__all__ = ["EventMessages"]

_Doing: TypeAlias = tuple[str, int | None, int]
"""A label, the object that does it (None for the whole picture), and the tracker's session."""


class EventMessages:
    """Makes messages from results: the records of the JSONL schema, and some fields more.

    Each message has its ``schema``, an ``id`` that no other message has (whoever gets one twice
    can tell), and the ``source``. An ``event`` is of the kind ``start``, ``end`` or ``update``;
    the last two say in ``seconds`` how long the action has gone on, an update also the ``score``.
    Events of live sources say their wall-clock ``time``; those of an object, its number as
    ``object`` and the tracker's ``session``.

    Args:
        name: What the source is called in messages; None for what the header calls it.
        update_seconds: How often an update is sent while an action goes on, in seconds of
            presentation time; None for never.

    Raises:
        ConfigError: ``update_seconds`` is not above 0.

    Example:
        >>> messages = EventMessages("door", update_seconds=None)
        >>> messages.begin({"source": "rtsp://***@10.0.0.7/1"})
        >>> events = (Event("start", "walk", 3, 0.12),)
        >>> (message,) = messages.of_result(FrameResult(20, 0.8, "walk", (), events=events))
        >>> message["source"], message["kind"], message["label"], message["pts"]
        ('door', 'start', 'walk', 0.12)
    """

    def __init__(self, name: str | None = None, *, update_seconds: float | None = None) -> None:
        if update_seconds is not None and not update_seconds > 0:
            raise ConfigError(f"update_seconds={update_seconds}: expected more than 0")
        self._name = name
        self._update_seconds = update_seconds
        self._source = name or ""
        self._run = ""
        self._count = 0
        # Of each action that goes on, and who does it: when it began, and when it was last told of.
        self._open: dict[_Doing, tuple[float, float]] = {}

    @property
    def source(self) -> str:
        """What the source is called, once it has begun."""
        return self._source

    def begin(self, header: dict[str, Any]) -> None:
        """A run begins."""
        self._source = self._name or str(header.get("source", "video"))
        self._run = uuid.uuid4().hex
        self._count = 0
        self._open.clear()

    def of_result(self, result: FrameResult) -> list[dict[str, Any]]:
        """The messages of one frame, mostly none."""
        messages = [self._of_event(event, result) for event in result.events]
        return messages + self._updates(result)

    def of_gap(self, discontinuity: Discontinuity) -> dict[str, Any]:
        """The message of an announced discontinuity."""
        return self._message(record_from_event(discontinuity))

    def of_end(self, end: dict[str, Any] | None) -> list[dict[str, Any]]:
        """The messages of what was still going on when the run ended."""
        events = end.get("events", ()) if end is not None else ()
        return [self._of_event(event, None) for event in events]

    def _of_event(
        self, event: Event | Discontinuity | LabelChange, result: FrameResult | None
    ) -> dict[str, Any]:
        record = record_from_event(event)
        if not isinstance(event, Event):
            return self._message(record)
        now = event.pts_seconds
        doing = (event.label, event.object_id, event.session)
        if event.kind == "start":
            self._open[doing] = (now, now)
        elif doing in self._open:
            record["seconds"] = round(now - self._open.pop(doing)[0], 3)
        if result is not None and result.time is not None:
            record["time"] = round(result.time - (result.pts_seconds - now), 3)
        return self._message(record)

    def _updates(self, result: FrameResult) -> list[dict[str, Any]]:
        if self._update_seconds is None or not self._open:
            return []
        messages: list[dict[str, Any]] = []
        now = result.pts_seconds
        scores = _scores(result)
        for doing, (start, told) in self._open.items():
            if now - told < self._update_seconds:
                continue
            self._open[doing] = (start, now)
            label, object_id, session = doing
            record: dict[str, Any] = {"type": "event", "kind": "update", "label": label}
            record |= {"frame": result.index, "pts": round(now, 6)}
            if object_id is not None:
                record |= {"object": object_id, "session": session}
            record |= {"seconds": round(now - start, 3)}
            if doing in scores:
                record["score"] = round(scores[doing], 4)
            if result.time is not None:
                record["time"] = round(result.time, 3)
            messages.append(self._message(record))
        return messages

    def _message(self, record: dict[str, Any]) -> dict[str, Any]:
        self._count += 1
        about = {"schema": SCHEMA_VERSION, "id": f"{self._run}-{self._count}"}
        return {**about, "source": self._source, **record}


def _scores(result: FrameResult) -> dict[_Doing, float]:
    """What one frame says of each action, and of that which each object does."""
    scores: dict[_Doing, float] = {(a.label, None, 0): a.score for a in result.actions}
    for track in result.objects:
        if track.action is not None and track.action_score is not None:
            scores[track.action, track.id, result.session] = track.action_score
    return scores
