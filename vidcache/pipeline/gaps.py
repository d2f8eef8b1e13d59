"""Finds the places where a stream does not follow from what came before."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vidcache.config import GapSettings
from vidcache.frames import Discontinuity, Frame
from vidcache.pipeline.gap_policy import TIME_LEAPS
from vidcache.video import SceneCutDetector

__all__ = ["GapDetector"]


class GapDetector:
    """Compares each frame with the one before it.

    Found are a ``reconnect`` and whatever else the source itself has seen (`Frame.gaps`), a
    ``timestamp_jump`` (a long step in presentation time, or a step back that the source has hidden
    and flagged; not beside a reconnect, which is the reason for it), a ``size_change`` and a
    ``scene_cut``. Frames flagged ``tainted`` neither make nor hide a scene cut: the first good
    frame is compared with the last good one.

    Args:
        settings: What counts as a jump in time, and whether scene cuts are looked for.

    Example:
        >>> import numpy as np
        >>> picture = np.zeros((4, 6, 3), np.uint8)
        >>> gaps = GapDetector(GapSettings(seconds=2.0))
        >>> gaps.update(Frame(picture, 0, 0.0))
        ()
        >>> gap, = gaps.update(Frame(picture, 1, 9.0))
        >>> gap.reason, gap.detail
        ('timestamp_jump', '9.0 s')
    """

    def __init__(self, settings: GapSettings) -> None:
        self._settings = settings
        self._scene_cuts = SceneCutDetector() if settings.scene_cuts else None
        self._last: _Moment | None = None

    def update(self, frame: Frame) -> tuple[Discontinuity, ...]:
        """Takes the next frame and returns what sets it apart from the last one."""
        now = _Moment.of(frame)
        last, self._last = self._last, now
        found = list(frame.gaps)
        if last is not None:
            found = [_completed(gap, last, now) for gap in found]
            found += self._differences(frame, last, now)
        difference = self._cut(frame)
        if difference is not None:
            found.append(_gap("scene_cut", now, f"difference {difference:.2f}"))
        return tuple(found)

    def _differences(self, frame: Frame, last: _Moment, now: _Moment) -> list[Discontinuity]:
        found: list[Discontinuity] = []
        step = now.pts_seconds - last.pts_seconds
        # A source hides a step backwards from the times, and flags it.
        is_flagged = "timestamp_jump" in frame.flags
        # The leap of a reconnect needs no other reason.
        is_known = any(gap.reason in TIME_LEAPS for gap in frame.gaps)
        if not is_known and (is_flagged or not 0.0 <= step <= self._settings.seconds):
            seconds = _unseen_seconds(last, now, is_flagged=is_flagged)
            found.append(_gap("timestamp_jump", now, _in_words(last, now, seconds), seconds))
        if now.size != last.size:
            sizes = [f"{width}x{height}" for width, height in (last.size, now.size)]
            found.append(_gap("size_change", now, " -> ".join(sizes)))
        return found

    def _cut(self, frame: Frame) -> float | None:
        if self._scene_cuts is None or "tainted" in frame.flags:
            return None
        return self._scene_cuts.update(frame.image_rgb)


@dataclass(frozen=True)
class _Moment:
    """What is remembered of a frame; not its picture.

    Attributes:
        index: Its number.
        pts_seconds: Its presentation time.
        time: When it arrived, for live sources.
        size: Width and height of its picture.
    """

    index: int
    pts_seconds: float
    time: float | None
    size: tuple[int, int]

    @classmethod
    def of(cls, frame: Frame) -> _Moment:
        height, width = frame.image_rgb.shape[:2]
        return cls(frame.index, frame.pts_seconds, frame.time, (width, height))


def _gap(reason: str, now: _Moment, detail: str, seconds: float | None = None) -> Discontinuity:
    return Discontinuity(reason, now.index, now.pts_seconds, detail, now.time, seconds)


def _completed(gap: Discontinuity, last: _Moment, now: _Moment) -> Discontinuity:
    """What a source has seen, with what it did not say."""
    if gap.reason not in TIME_LEAPS:
        return gap
    seconds = gap.seconds
    if seconds is None:
        seconds = _unseen_seconds(last, now, is_flagged=gap.reason == "timestamp_jump")
    time = now.time if gap.time is None else gap.time
    return replace(
        gap, detail=gap.detail or _in_words(last, now, seconds), time=time, seconds=seconds
    )


def _unseen_seconds(last: _Moment, now: _Moment, *, is_flagged: bool) -> float | None:
    """How long nothing was seen; None if nobody knows."""
    step = now.pts_seconds - last.pts_seconds
    known_step = None if is_flagged or step < 0.0 else step
    # Of dropped frames it says nothing: they may all have come in one moment.
    if known_step is not None and now.index > last.index + 1:
        return known_step
    # Where both are known, the clock on the wall is right about a leap of the camera's clock.
    if last.time is not None and now.time is not None and now.time >= last.time:
        return now.time - last.time
    return known_step


def _in_words(last: _Moment, now: _Moment, seconds: float | None) -> str:
    words = "the clock was set back" if seconds is None else f"{seconds:.1f} s"
    num_missing = now.index - last.index - 1
    return f"{words}, frames dropped: {num_missing}" if num_missing > 0 else words
