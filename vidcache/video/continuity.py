"""Makes one stream of what several connections to a camera give."""

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vidcache.frames import Discontinuity, Frame
from vidcache.video.picture_check import PictureCheck

__all__ = ["Continuity"]


class Continuity:
    """Numbers and times the frames of successive connections as one stream.

    The index goes on, and the times go on by the wall clock, so that a gap has its true length.
    The first frame after a gap carries the flag ``after_gap`` and a ``reconnect``; pictures that
    cannot be believed yet are flagged ``tainted``.

    Args:
        settle_seconds: How long pictures are doubted at most after a gap.
    """

    def __init__(self, settle_seconds: float) -> None:
        self._settle_seconds = settle_seconds
        self._index_offset = 0
        self._pts_offset = 0.0
        self._num_frames = 0
        self._num_skipped = 0
        self._num_attempts = 0
        self._lost_because: str | None = None
        self._lost_at = time.monotonic()
        self._last_pts_seconds: float | None = None
        self._last_arrival = 0.0
        self._last_image: NDArray[np.uint8] | None = None
        self._check: PictureCheck | None = None

    @property
    def next_index(self) -> int:
        """The index of the next frame."""
        return self._index_offset + self._num_frames + self._num_skipped

    def begin_connection(self) -> None:
        """What comes from here on is numbered and timed from 0 again by its reader."""
        self._index_offset = self.next_index
        self._num_frames = self._num_skipped = 0
        self._num_attempts += 1

    def count_skipped(self, num_frames: int) -> None:
        """Take note of frames that were not decoded."""
        self._num_skipped += num_frames

    def lose(self, reason: str) -> Discontinuity | None:
        """Take note that the connection was lost, or could not be made.

        Returns:
            The ``disconnect`` to be told; None if it was told before.
        """
        if self._lost_because is not None:
            return None
        self._lost_because = reason
        if self._last_pts_seconds is not None:
            self._lost_at = self._last_arrival
        pts_seconds = self._last_pts_seconds or 0.0
        return Discontinuity("disconnect", self.next_index, pts_seconds, reason, time.time())

    def adopt(self, frame: Frame) -> Frame:
        """The next frame of the connection, at its place in the stream."""
        arrival = time.monotonic()
        if self._num_frames == 0:
            self._join(arrival)
        gaps: tuple[Discontinuity, ...] = ()
        flags = frame.flags
        index, pts_seconds = self.next_index, frame.pts_seconds + self._pts_offset
        if self._lost_because is not None:
            gaps = (self._describe_gap(index, pts_seconds, arrival),)
            if self._last_pts_seconds is not None:
                flags = ("after_gap", *flags)
            self._lost_because = None
        if self._check is not None and not self._check.believes(frame.image_rgb, frame.pts_seconds):
            flags = flags if "tainted" in flags else (*flags, "tainted")
        else:
            self._check = None
        self._num_frames += 1
        self._num_attempts = 0
        self._last_pts_seconds, self._last_arrival = pts_seconds, arrival
        self._last_image = frame.image_rgb
        return replace(
            frame, index=index, pts_seconds=pts_seconds, flags=flags, gaps=(*gaps, *frame.gaps)
        )

    def _join(self, arrival: float) -> None:
        """Join a connection to what came before it."""
        if self._last_pts_seconds is not None:
            self._pts_offset = self._last_pts_seconds + arrival - self._last_arrival
        if self._lost_because is not None:
            self._check = PictureCheck(self._last_image, self._settle_seconds)

    def _describe_gap(self, index: int, pts_seconds: float, arrival: float) -> Discontinuity:
        attempts = f"{self._num_attempts} attempt{'s' * (self._num_attempts != 1)}"
        detail = (
            f"{self._lost_because}; {arrival - self._lost_at:.1f} s without pictures, {attempts}"
        )
        return Discontinuity("reconnect", index, pts_seconds, detail, time.time())
