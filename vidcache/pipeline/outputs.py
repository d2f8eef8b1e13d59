"""All sinks of a run as one, none of which is left open."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from vidcache.frames import Discontinuity, Frame, FrameResult
from vidcache.pipeline.timer import StageTimer
from vidcache.video import Sink

__all__ = ["Outputs"]

_log = logging.getLogger(__name__)


@runtime_checkable
class _Timed(Protocol):
    """A sink that works on a thread of its own and counts its time itself."""

    @property
    def stage_times(self) -> Mapping[str, tuple[float, int]]: ...


@runtime_checkable
class _Named(Protocol):
    """A sink that says what it is called."""

    @property
    def name(self) -> str: ...


@runtime_checkable
class _Dropping(Protocol):
    """A sink that leaves out what it cannot take in time, and counts it."""

    @property
    def num_dropped(self) -> int: ...


class Outputs:
    """Opens, feeds and closes several sinks.

    A sink that fails ends the run of a file: half an output is worse than an error. A live run
    goes on with its other sinks as long as one of them keeps results, since nobody can watch the
    hour again: the failure is logged at once, stands in the end record, and is raised at the end.
    Only a reader of the standard output that has gone away ends a live run too.

    Args:
        sinks: The sinks, fed in this order.
        timer: Where the time of each sink is counted, ``jsonl`` for a `JsonlSink` and so on.
    """

    def __init__(self, sinks: Sequence[Sink], timer: StageTimer) -> None:
        self._sinks = tuple(sinks)
        self._timer = timer
        self._opened: list[Sink] = []
        self._live = False
        self._names = _unique_names(sinks)
        self._failures: dict[int, Exception] = {}

    def open(self, header: Mapping[str, Any]) -> None:
        """Opens every sink. If one fails, `close` still closes those that did open.

        Args:
            header: The fields of the JSONL header. ``live`` says what happens when a sink fails.
        """
        self._live = bool(header.get("live"))
        for sink in self._sinks:
            sink.open(dict(header))
            self._opened.append(sink)

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Gives a frame to every sink that still takes any, and notes the seconds it took.

        Raises:
            SinkError: If an output cannot be written and the run cannot do without it.
        """
        for sink in self._opened:
            stage = self._names[id(sink)]
            start = time.perf_counter()
            if not self._feed(sink, lambda sink=sink: sink.write(frame, result)):
                continue
            seconds = time.perf_counter() - start
            self._timer.add(stage, seconds)
            result.timings[stage] = result.timings.get(stage, 0.0) + seconds

    def announce(self, discontinuity: Discontinuity) -> None:
        """Tells every sink that still takes any that no frames come until further notice.

        Raises:
            SinkError: If an output cannot be written and the run cannot do without it.
        """
        for sink in self._opened:
            self._feed(sink, lambda sink=sink: sink.announce(discontinuity))

    def count_background_times(self) -> None:
        """Adds the stages of sinks that work in the background to the timer; call it once."""
        for sink in self._opened:
            if isinstance(sink, _Timed):
                for stage, (seconds, num_frames) in sink.stage_times.items():
                    self._timer.add(stage, seconds, num_frames=num_frames)

    def report(self) -> dict[str, dict[str, Any]]:
        """What sinks left out (``dropped``) or why they gave up (``failed``), by their names."""
        found: dict[str, dict[str, Any]] = {}
        for sink in self._opened:
            entry: dict[str, Any] = {}
            if isinstance(sink, _Dropping) and sink.num_dropped:
                entry["dropped"] = sink.num_dropped
            if id(sink) in self._failures:
                entry["failed"] = str(self._failures[id(sink)])
            if entry:
                found[self._names[id(sink)]] = entry
        return found

    def close(self, end: Mapping[str, Any]) -> None:
        """Closes every sink that was opened, whatever happens with the others.

        Args:
            end: The fields of the end record; ``sinks`` is added where there is something to
                `report`.

        Raises:
            Exception: The first failure, after all were closed.
        """
        problems = self.report()
        record = {**end, "sinks": problems} if problems else dict(end)
        failure = next(iter(self._failures.values()), None)
        while self._opened:
            sink = self._opened.pop(0)
            try:
                sink.close(dict(record))
            except Exception as error:
                failure = failure or error
        if failure is not None:
            raise failure

    def _feed(self, sink: Sink, give: Callable[[], None]) -> bool:
        """Gives something to a sink; False if it took nothing."""
        if sink.closed or id(sink) in self._failures:
            return False
        try:
            give()
        except Exception as error:
            alone = not any(self._keeps_results(s) for s in self._opened if s is not sink)
            if not self._live or alone or isinstance(error.__cause__, BrokenPipeError):
                raise
            self._failures[id(sink)] = error
            _log.warning("%s; the other outputs go on", error)
            return False
        return True

    def _keeps_results(self, sink: Sink) -> bool:
        """True for a sink that still takes results, and does more with them than look on."""
        works = not sink.closed and id(sink) not in self._failures
        return works and getattr(sink, "keeps_results", True)


def _unique_names(sinks: Sequence[Sink]) -> dict[int, str]:
    """A name for each sink by its identity, numbered where two are of one kind."""
    names: dict[int, str] = {}
    for sink in sinks:
        kind = type(sink).__name__.removesuffix("Sink").lower()
        base = name = sink.name if isinstance(sink, _Named) else kind
        number = 2
        while name in names.values():
            name, number = f"{base}_{number}", number + 1
        names[id(sink)] = name
    return names
