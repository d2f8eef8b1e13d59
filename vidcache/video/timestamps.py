"""Presentation times that start at zero and never go back, whatever the container says."""

__all__ = ["PresentationClock"]

_GLITCH_SECONDS = 1.0


class PresentationClock:
    """Turns a container's timestamps into presentation times of one source.

    Times count from the start of the stream and never decrease. A missing timestamp, or one that
    goes back a little, is replaced by the last one plus one frame; one that goes back by more
    than a second (a camera that restarted, files joined end to end) moves the origin, and the
    stream goes on from where it was. Both are said by a flag.

    Args:
        frame_rate: Frames a second, to derive missing times.
        start_seconds: Start of the stream by its container; None for the first timestamp seen.

    Example:
        >>> clock = PresentationClock(frame_rate=10.0)
        >>> [clock.next(t) for t in (5.0, 5.1, None)]
        [(0.0, ()), (0.1, ()), (0.2, ('pts_estimated',))]
    """

    def __init__(self, frame_rate: float, start_seconds: float | None = None) -> None:
        self._step = 1.0 / frame_rate if frame_rate > 0 else 0.04
        self._origin = start_seconds
        self._last: float | None = None

    @property
    def origin_seconds(self) -> float:
        """The container's time that became zero."""
        return self._origin or 0.0

    def next(self, container_seconds: float | None) -> tuple[float, tuple[str, ...]]:
        """The presentation time of the next frame, and flags about it.

        Args:
            container_seconds: The frame's time by its container; None if it has none.

        Returns:
            Seconds since the start, rounded to a nanosecond, and ``("pts_estimated",)`` or
            ``("timestamp_jump",)`` where the container's own time could not be used.
        """
        seconds, flags = self._resolve(container_seconds)
        self._last = round(seconds, 9)
        return self._last, flags

    def _resolve(self, container_seconds: float | None) -> tuple[float, tuple[str, ...]]:
        expected = 0.0 if self._last is None else self._last + self._step
        if container_seconds is None:
            # The first picture of a stream is shown at its beginning, whether it says so or not.
            return expected, () if self._last is None else ("pts_estimated",)
        # A stream said to start after its first picture starts at that picture.
        if self._origin is None or (self._last is None and container_seconds < self._origin):
            self._origin = container_seconds - expected
        seconds = container_seconds - self._origin
        if self._last is None or seconds >= self._last:
            return seconds, ()
        if self._last - seconds <= _GLITCH_SECONDS:
            return expected, ("pts_estimated",)
        self._origin = container_seconds - expected
        return expected, ("timestamp_jump",)
