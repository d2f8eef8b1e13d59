"""Presentation times that start at zero and never go back, whatever the container says."""

from vidcache.video.latency import LatencyGauge

__all__ = ["PresentationClock"]

_GLITCH_SECONDS = 1.0
_MAX_STEP_AT_WRAP = 10.0
# RTP counts in 32 bits and MPEG in 33, both at 90 kHz.
_WRAPS = tuple(sign * 2.0**bits / 90_000 for bits in (32, 33) for sign in (1, -1))


class PresentationClock:
    """Turns a container's timestamps into presentation times of one source.

    Times count from the start of the stream and never decrease. A counter that wrapped around is
    unrolled. A missing timestamp, or one that goes back a little, is replaced by the last one plus
    one frame; one that goes back by more than a second (a camera that restarted, files joined end
    to end) moves the origin, and the stream goes on from where it was. The last two are said by a
    flag.

    For a live stream the wall clock is asked as well. A missing timestamp is that of the arrival;
    a step forward by more than a second that did not take that long moves the origin too, and the
    stream goes on by the wall clock.

    Args:
        frame_rate: Frames a second, to derive missing times.
        start_seconds: Start of the stream by its container; None for the first timestamp seen.

    Attributes:
        gauge: How late the frames of a live stream come.

    Example:
        >>> clock = PresentationClock(frame_rate=10.0)
        >>> [clock.next(t) for t in (5.0, 5.1, None)]
        [(0.0, ()), (0.1, ()), (0.2, ('pts_estimated',))]
    """

    def __init__(self, frame_rate: float, start_seconds: float | None = None) -> None:
        self._step = 1.0 / frame_rate if frame_rate > 0 else 0.04
        self._origin = start_seconds
        self._last: float | None = None
        self._last_arrival: float | None = None
        self.gauge = LatencyGauge()

    @property
    def origin_seconds(self) -> float:
        """The container's time that became zero."""
        return self._origin or 0.0

    def peek(self, container_seconds: float) -> float:
        """About when a frame with this container's time is shown, without taking it."""
        if self._origin is None:
            return 0.0
        return container_seconds + self._wrap(container_seconds) - self._origin

    def next(
        self, container_seconds: float | None, arrival: float | None = None
    ) -> tuple[float, tuple[str, ...]]:
        """The presentation time of the next frame, and flags about it.

        Args:
            container_seconds: The frame's time by its container; None if it has none.
            arrival: Monotonic time at which a live stream's frame came; None for a file.

        Returns:
            Seconds since the start, rounded to a nanosecond, and ``("pts_estimated",)`` or
            ``("timestamp_jump",)`` where the container's own time could not be used.
        """
        if container_seconds is not None and self._origin is not None:
            self._origin -= self._wrap(container_seconds)
        seconds, flags = self._resolve(container_seconds, arrival)
        self._last, self._last_arrival = round(seconds, 9), arrival
        if arrival is not None:
            self.gauge.observe(arrival, self._last)
        return self._last, flags

    def _wrap(self, container_seconds: float) -> float:
        """What is to be added to a time since the counter wrapped around; 0 if it did not."""
        if self._last is not None and self._origin is not None:
            step = container_seconds - self._origin - self._last
            for wrap in _WRAPS:
                if -_GLITCH_SECONDS <= step + wrap <= _MAX_STEP_AT_WRAP:
                    return wrap
        return 0.0

    def _resolve(
        self, container_seconds: float | None, arrival: float | None
    ) -> tuple[float, tuple[str, ...]]:
        expected = 0.0 if self._last is None else self._last + self._step
        if container_seconds is None:
            if self._last is None:
                # The first picture is shown at the beginning, whether it says so or not.
                return expected, ()
            if arrival is not None and self._last_arrival is not None:
                expected = self._last + arrival - self._last_arrival
            return expected, ("pts_estimated",)
        # A stream said to start after its first picture starts at that picture.
        if self._origin is None or (self._last is None and container_seconds < self._origin):
            self._origin = container_seconds - expected
        seconds = container_seconds - self._origin
        if self._last is None:
            return seconds, ()
        if seconds >= self._last and not self._comes_too_early(seconds, arrival):
            return seconds, ()
        if 0 < self._last - seconds <= _GLITCH_SECONDS:
            return expected, ("pts_estimated",)
        if arrival is not None and self._last_arrival is not None:
            expected = max(expected, self._last + arrival - self._last_arrival)
        self._origin = container_seconds - expected
        return expected, ("timestamp_jump",)

    def _comes_too_early(self, seconds: float, arrival: float | None) -> bool:
        """Whether a step forward is longer than the time that it took, and than frames wait."""
        if arrival is None or self._last is None or seconds - self._last <= _GLITCH_SECONDS:
            return False
        return self.gauge.lag(arrival, seconds) < -_GLITCH_SECONDS
