"""How far a live stream is behind the moment that it shows, and what is too old to be shown."""

__all__ = ["LatencyGauge"]

# Quartz clocks of cameras are off by tens of parts in a million.
_CLOCK_DRIFT = 200e-6


class LatencyGauge:
    """Measures how late frames come, against the one that came earliest.

    A camera says when a picture was taken on a clock of its own, so the delay from lens to reader
    cannot be known; what can is how much longer it was than for the quickest frame. That frame is
    the baseline. It is forgotten by 200 parts in a million of the time that passes, so that a
    camera's slow clock is not taken for a growing delay.

    Example:
        >>> gauge = LatencyGauge()
        >>> gauge.observe(now=100.0, pts_seconds=0.0)
        >>> round(gauge.lag(now=103.0, pts_seconds=1.0), 6)
        2.0
    """

    def __init__(self) -> None:
        self._baseline: float | None = None
        self._seen_at = 0.0

    def observe(self, now: float, pts_seconds: float) -> None:
        """Take a frame with this presentation time that came now (monotonic seconds)."""
        delay = now - pts_seconds
        if self._baseline is not None:
            crept = self._baseline + _CLOCK_DRIFT * max(0.0, now - self._seen_at)
            delay = min(delay, crept)
        self._baseline, self._seen_at = delay, now

    def rebase(self, now: float, pts_seconds: float) -> None:
        """Begin again with this frame as the baseline."""
        self._baseline, self._seen_at = now - pts_seconds, now

    def lag(self, now: float, pts_seconds: float) -> float:
        """Seconds that a frame with this presentation time would be late now; 0 if none came."""
        return 0.0 if self._baseline is None else now - pts_seconds - self._baseline

    def due(self, pts_seconds: float) -> float:
        """Monotonic time at which a frame that is not late comes: its age counts from there."""
        return pts_seconds + (self._baseline or 0.0)
