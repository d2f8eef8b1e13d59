"""What is counted of one source for Prometheus."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

from vidcache.frames import Discontinuity, Event, FrameResult
from vidcache.video.source_status import SourceStatus

__all__ = ["SourceCounters"]

_RATE_SECONDS = 10.0
_RATE_FRAMES = 2000


class SourceCounters:
    """Counts results of one source, from one thread, to be read from another.

    Its memory does not grow with the stream.

    Attributes:
        num_frames: Results so far.
        num_tainted: Those of damaged frames.
        num_objects: Objects in the newest one.
        started: Actions that began, by label.
        gaps: Discontinuities, by reason.
        stage_seconds: Seconds of work, by stage.
        cache_bytes: What the temporal cache holds; None while nobody knows.
        lag_seconds: Time from the newest frame's arrival to its result; None for files.
        status: Asks the source how it is doing; None if there is nobody to ask.
        dropped: Asks how many frames were left out, by cause; None if there is nobody to ask.
    """

    def __init__(self) -> None:
        self.num_frames = 0
        self.num_tainted = 0
        self.num_objects = 0
        self.started: Counter[str] = Counter()
        self.gaps: Counter[str] = Counter()
        self.stage_seconds: dict[str, float] = {}
        self.cache_bytes: int | None = None
        self.lag_seconds: float | None = None
        self.status: Callable[[], SourceStatus | None] | None = None
        self.dropped: Callable[[], Mapping[str, int]] | None = None
        self._lock = threading.Lock()
        self._last: float | None = None
        self._moments: deque[float] = deque(maxlen=_RATE_FRAMES)

    @property
    def age_seconds(self) -> float | None:
        """Seconds since the newest result; None before the first."""
        return None if self._last is None else max(0.0, time.monotonic() - self._last)

    def begin(self, header: Mapping[str, Any]) -> None:
        """A run begins."""
        cache = header.get("cache")
        if isinstance(cache, Mapping):
            self.cache_bytes = cache.get("nbytes")  # pyright: ignore[reportUnknownMemberType]

    def add(self, result: FrameResult) -> None:
        """Count one result."""
        with self._lock:
            self._last = time.monotonic()
            self._moments.append(self._last)
            self.num_frames += 1
            self.num_tainted += "tainted" in result.flags
            self.num_objects = len(result.objects)
            for stage, seconds in result.timings.items():
                self.stage_seconds[stage] = self.stage_seconds.get(stage, 0.0) + seconds
            for event in result.events:
                if isinstance(event, Event):
                    self.started[event.label] += event.kind == "start"
                elif isinstance(event, Discontinuity):
                    self.gaps[event.reason] += 1
            self.lag_seconds = None if result.time is None else max(0.0, time.time() - result.time)

    def add_gap(self, discontinuity: Discontinuity) -> None:
        """Count an announced discontinuity."""
        with self._lock:
            self.gaps[discontinuity.reason] += 1

    def frames_per_second(self) -> float:
        """Results a second over the last ten seconds, or since the first if that was later."""
        with self._lock:
            now = time.monotonic()
            recent = [moment for moment in self._moments if now - moment <= _RATE_SECONDS]
            if not recent:
                return 0.0
            # The memory of moments may not reach back far enough for a very fast source.
            all_recent = recent[0] is self._moments[0]
            span = now - recent[0] if all_recent else _RATE_SECONDS
            return len(recent) / max(span, 1e-3)

    def copies(self) -> tuple[dict[str, int], dict[str, int], dict[str, float]]:
        """Actions that began, discontinuities and seconds by stage, as of one moment."""
        with self._lock:
            return dict(self.started), dict(self.gaps), dict(self.stage_seconds)
