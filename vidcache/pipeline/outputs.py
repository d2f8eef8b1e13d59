"""All sinks of a run as one, none of which is left open."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from vidcache.frames import Frame, FrameResult
from vidcache.pipeline.timer import StageTimer
from vidcache.video import Sink

__all__ = ["Outputs"]


@runtime_checkable
class _Timed(Protocol):
    """A sink that works on a thread of its own and counts its time itself."""

    @property
    def stage_times(self) -> Mapping[str, tuple[float, int]]: ...


class Outputs:
    """Opens, feeds and closes several sinks.

    Args:
        sinks: The sinks, fed in this order.
        timer: Where the time of each sink is counted, ``jsonl`` for a `JsonlSink` and so on.
    """

    def __init__(self, sinks: Sequence[Sink], timer: StageTimer) -> None:
        self._sinks = tuple(sinks)
        self._timer = timer
        self._opened: list[Sink] = []

    def open(self, header: Mapping[str, Any]) -> None:
        """Opens every sink. If one fails, `close` still closes those that did open."""
        for sink in self._sinks:
            sink.open(dict(header))
            self._opened.append(sink)

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Gives a frame to every sink that still takes any, and notes the seconds it took."""
        for sink in self._opened:
            if sink.closed:
                continue
            stage = type(sink).__name__.removesuffix("Sink").lower()
            start = time.perf_counter()
            sink.write(frame, result)
            seconds = time.perf_counter() - start
            self._timer.add(stage, seconds)
            result.timings[stage] = result.timings.get(stage, 0.0) + seconds

    def count_background_times(self) -> None:
        """Adds the stages of sinks that work in the background to the timer; call it once."""
        for sink in self._opened:
            if isinstance(sink, _Timed):
                for stage, (seconds, num_frames) in sink.stage_times.items():
                    self._timer.add(stage, seconds, num_frames=num_frames)

    def close(self, end: Mapping[str, Any]) -> None:
        """Closes every sink that was opened, whatever happens with the others.

        Raises:
            Exception: The first failure, after all were closed.
        """
        failure: Exception | None = None
        while self._opened:
            try:
                self._opened.pop(0).close(dict(end))
            except Exception as error:
                failure = failure or error
        if failure is not None:
            raise failure
