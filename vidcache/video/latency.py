"""How far a live stream is behind the moment that it shows, and what is too old to be shown."""

__all__ = ["CatchUp", "LatencyGauge"]

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


class CatchUp:
    """Decides which packets of a live stream are not decoded, so that it stays in the present.

    A network or a slow machine may hold back seconds of video. Decoding as fast as one can usually
    makes up for it; where it does not within seconds, packets are passed over up to a key frame
    that is in time again. Where passing over gains nothing either, no more was held back: then
    that delay is the stream's own, and ages count from there.

    Args:
        gauge: How late the frames come.
        max_latency: Age in seconds that frames may have.
    """

    _LOOK_SECONDS = 0.5
    _RECOVERY_SECONDS = 2.0
    _FUTILE_SECONDS = 2.0
    _FUTILE_SHARE = 0.1
    _STALL_SECONDS = 0.25
    # A camera may send one key frame and then only changes; waiting for a second would be for ever.
    _MAX_SECONDS = 30.0

    def __init__(self, gauge: LatencyGauge, max_latency: float) -> None:
        self._gauge = gauge
        self._max_latency = max_latency
        self._began: float | None = None
        self._window: tuple[float, float] | None = None
        self._last = (0.0, 0.0)

    def passes_over(self, now: float, pts_seconds: float, *, is_key: bool) -> bool:
        """Whether the packet that came now is left out."""
        lag = self._gauge.lag(now, pts_seconds)
        if self._began is None:
            if not self._falls_behind(now, lag):
                return False
            self._began = now
            self._window = (now, lag)
        elif now - self._last[0] > pts_seconds - self._last[1] + self._STALL_SECONDS:
            # Nothing came for a while, which says nothing about what is held back now.
            self._window = (now, lag)
        self._last = (now, pts_seconds)
        if self._gains_nothing(now, lag):
            self._gauge.rebase(now, pts_seconds)
            lag = 0.0
        if (is_key and lag <= self._max_latency / 4) or now - self._began > self._MAX_SECONDS:
            self._began = self._window = None
        return self._began is not None

    def _falls_behind(self, now: float, lag: float) -> bool:
        """Whether the stream is late, and decoding does not make up for it soon."""
        excess = lag - self._max_latency / 2
        if excess <= 0:
            self._window = None
            return False
        if self._window is None:
            self._window = (now, lag)
        since, lag_then = self._window
        if now - since < self._LOOK_SECONDS:
            return False
        self._window = (now, lag)
        return (lag_then - lag) / (now - since) * self._RECOVERY_SECONDS < excess

    def _gains_nothing(self, now: float, lag: float) -> bool:
        """Whether passing over has hardly made the stream any less late."""
        since, lag_then = self._window or (now, lag)
        if now - since < self._FUTILE_SECONDS:
            return False
        self._window = (now, lag)
        return lag_then - lag < self._FUTILE_SHARE * (now - since)
