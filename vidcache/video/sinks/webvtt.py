"""Actions as subtitles (WebVTT), to be shown with the video in any browser."""

import os
from typing import Any

from vidcache.frames import Event, FrameResult
from vidcache.video.sinks.text_sink import TextSink

__all__ = ["WebVttSink"]


class WebVttSink(TextSink):
    """Writes each action as a cue once it has ended; the file is valid at any moment.

    The format wants cues in the order of their starts. So when an action ends while an older one
    goes on, the older one's cue is cut there and goes on in a new cue from that time: shown one
    after the other they look as one. A program that is killed loses only what was going on.
    What an object does is shown with the object's number: ``3: walk``.

    Args:
        path: The file, which is replaced if it exists; ``-`` for standard output.

    Source: the W3C's WebVTT, https://www.w3.org/TR/webvtt1/.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._open_since: dict[tuple[str, int], float] = {}

    def _opening(self, header: dict[str, Any]) -> str:
        return "WEBVTT\n\n"

    def _of_frame(self, result: FrameResult) -> str:
        return "".join(self._update(event) for event in result.events if isinstance(event, Event))

    def _closing(self, end: dict[str, Any] | None) -> str:
        events: list[Event] = list(end.get("events", ())) if end is not None else []
        return "".join(self._update(event) for event in events)

    def _update(self, event: Event) -> str:
        # Objects of two sessions may have one number.
        doing = (_words(event), event.session)
        if event.kind == "start":
            self._open_since[doing] = event.pts_seconds
            return ""
        start = self._open_since.pop(doing, None)
        if start is None:
            return ""
        until = event.pts_seconds
        cues = [(start, doing[0])]
        for other, since in list(self._open_since.items()):
            if since <= start:
                cues.append((since, other[0]))
                self._open_since[other] = max(since, until)
        return "".join(_cue(since, until, text) for since, text in sorted(cues))


def _words(event: Event) -> str:
    return event.label if event.object_id is None else f"{event.object_id}: {event.label}"


def _cue(start: float, end: float, label: str) -> str:
    first, last = _timestamp(start), _timestamp(end)
    if round(end * 1000) <= round(start * 1000):
        return ""
    text = " ".join(label.split())
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, entity)
    return f"{first} --> {last}\n{text}\n\n"


def _timestamp(seconds: float) -> str:
    total = max(0, round(seconds * 1000))
    minutes, milliseconds = divmod(total, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{milliseconds / 1000:06.3f}"
