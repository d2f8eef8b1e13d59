"""Finds the places where a stream does not follow from what came before."""

from vidcache.frames import Discontinuity, Frame

__all__ = ["GapDetector"]


class GapDetector:
    """Compares each frame with the one before it.

    Args:
        gap_seconds: A step in presentation time longer than this is a ``timestamp_jump``, as is
            a step backwards. A change of the picture's size is a ``size_change``.

    Example:
        >>> import numpy as np
        >>> picture = np.zeros((4, 6, 3), np.uint8)
        >>> gaps = GapDetector(gap_seconds=2.0)
        >>> gaps.update(Frame(picture, 0, 0.0))
        ()
        >>> gaps.update(Frame(picture, 1, 9.0))[0].reason
        'timestamp_jump'
    """

    def __init__(self, *, gap_seconds: float) -> None:
        self.gap_seconds = gap_seconds
        self._pts_seconds: float | None = None
        self._size: tuple[int, ...] = ()

    def update(self, frame: Frame) -> tuple[Discontinuity, ...]:
        """Takes the next frame and returns what sets it apart from the last one."""
        size = frame.image_rgb.shape[:2]
        last_pts, last_size = self._pts_seconds, self._size
        self._pts_seconds, self._size = frame.pts_seconds, size
        if last_pts is None:
            return ()
        reasons: list[str] = []
        step = frame.pts_seconds - last_pts
        # A source hides a step backwards from the times, and flags it.
        if not 0.0 <= step <= self.gap_seconds or "timestamp_jump" in frame.flags:
            reasons.append("timestamp_jump")
        if size != last_size:
            reasons.append("size_change")
        return tuple(Discontinuity(r, frame.index, frame.pts_seconds) for r in reasons)
