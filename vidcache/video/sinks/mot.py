"""Tracks in the text format of the MOTChallenge, for evaluation tools."""

import os
from typing import Any

from vidcache.frames import FrameResult
from vidcache.video.sinks.text_sink import TextSink

__all__ = ["MotSink"]


class MotSink(TextSink):
    """Writes one line an object: ``frame,id,left,top,width,height,score,-1,-1,-1``.

    Frames are counted from 1, and frames that a live source left out are missing from the count,
    so a line is always at its frame's own number. Boxes are pixels as in every other output. IDs
    are unique in the file: where the tracker was reset, and counts from 1 again, they go on after
    the highest one so far. Labels and actions have no place in this format; frames without
    objects have no line.

    Args:
        path: The file, which is replaced if it exists; ``-`` for standard output.

    Source: the result format of https://motchallenge.net/instructions/.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._session = 0
        self._offset = 0
        self._highest = 0

    def _opening(self, header: dict[str, Any]) -> str:
        return ""

    def _of_frame(self, result: FrameResult) -> str:
        if result.session != self._session:
            self._session, self._offset = result.session, self._highest
        lines: list[str] = []
        for track in result.objects:
            number = track.id + self._offset
            self._highest = max(self._highest, number)
            left, top, right, bottom = track.box_xyxy
            box = f"{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f}"
            lines.append(f"{result.index + 1},{number},{box},{track.score:.4f},-1,-1,-1\n")
        return "".join(lines)
