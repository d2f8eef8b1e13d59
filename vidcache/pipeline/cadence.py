"""Which frames of a source the detector looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from vidcache.errors import ConfigError
from vidcache.frames import Frame
from vidcache.tracking import PredictingTracker, Tracker

if TYPE_CHECKING:
    from vidcache.video.picture_change import PictureChange

__all__ = ["Cadence", "check_cadence"]

# Difference of the place that changed most, in grey levels, from which a picture is looked at.
# Noise of six levels stays below the half of it; where people moved, tracks were those of every
# frame.
_CHANGE = 12.0
# The longest time without a look, in frames: before a still camera with few passers-by, tracks were
# more like those of looking at every frame with 10 than with 5, 15 and 30, since what a detector
# mistakes for an object is neither followed through every flicker nor kept for long.
_MOST_FRAMES = 10


class Cadence:
    """Decides frame by frame whether the detector looks, from the pictures alone.

    So looks can be taken ahead, and the same file has the same looks however its frames are
    grouped and whoever works on them.

    Args:
        detect_every: Look at every n-th frame, counted from the last break in the stream; or
            ``auto``: where the picture has changed since the last look, and at least at every
            tenth frame.

    Example:
        >>> import numpy as np
        >>> frames = [Frame(np.zeros((9, 16, 3), np.uint8), i, i / 10) for i in range(7)]
        >>> cadence = Cadence(3)
        >>> [cadence.looks_at(frame, after_break=frame.index == 5) for frame in frames]
        [True, False, False, True, False, True, False]
    """

    def __init__(self, detect_every: int | Literal["auto"] = 1) -> None:
        self._interval = _MOST_FRAMES if detect_every == "auto" else detect_every
        # As if the last look were long ago: the first frame is looked at.
        self._num_since = self._interval
        self._change: PictureChange | None = None
        if detect_every == "auto":
            from vidcache.video.picture_change import PictureChange

            self._change = PictureChange()

    @property
    def follows_doubts(self) -> bool:
        """Whether the detector also looks where the tracker asks for it."""
        return self._change is not None

    def looks_at(self, frame: Frame, *, after_break: bool) -> bool:
        """Whether the detector looks at the next frame.

        Args:
            frame: The frame.
            after_break: Whether it does not follow from the frame before it.
        """
        self._num_since += 1
        is_due = after_break or self._num_since >= self._interval
        if self._change is not None:
            is_due |= self._change.since(frame.image_rgb) >= _CHANGE
            if is_due:
                self._change.keep()
        if is_due:
            self._num_since = 0
        return is_due


def check_cadence(detect_every: int | Literal["auto"], tracker: Tracker | None) -> None:
    """Refuses to leave frames to a tracker that cannot predict.

    Args:
        detect_every: Which frames the detector looks at.
        tracker: The tracker; None follows nothing.

    Raises:
        ConfigError: If it cannot.
    """
    if detect_every == 1 or tracker is None:
        return
    if not isinstance(tracker, PredictingTracker) or not tracker.can_predict:
        raise ConfigError(
            f"track.detect_every is {detect_every}, and the tracker {tracker.name} cannot move "
            "objects by itself: take 1, or another tracker"
        )
