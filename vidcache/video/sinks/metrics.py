# pyright: basic
"""Counters of all sources for Prometheus."""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vidcache.errors import ConfigError, MissingExtraError, SinkError
from vidcache.frames import Discontinuity, Frame, FrameResult
from vidcache.video.closing import Closing
from vidcache.video.sinks.sink import Sink
from vidcache.video.sinks.source_counters import SourceCounters
from vidcache.video.source_status import SourceState, SourceStatus

__all__ = ["MetricsServer"]


class MetricsServer(Closing):
    """Serves counters of any number of sources to Prometheus, from ``/metrics``.

    Everything is labelled with its ``source``: ``vidcache_frames_total``,
    ``vidcache_tainted_frames_total``, ``vidcache_dropped_frames_total`` (by ``cause``),
    ``vidcache_discontinuities_total`` (by ``reason``), ``vidcache_reconnects_total``,
    ``vidcache_actions_total`` (that began, by ``action``), ``vidcache_stage_seconds_total`` (by
    ``stage``), and as of now ``vidcache_source_state`` (1 for the ``state`` that it is in, 0 for
    the others), ``vidcache_last_result_age_seconds``, ``vidcache_result_lag_seconds`` (from a
    frame's arrival to its result), ``vidcache_frames_per_second``, ``vidcache_objects`` and
    ``vidcache_cache_bytes``. The server has a registry of its own.

    Args:
        address: Where to listen: ``HOST:PORT``, or ``PORT`` to be reached from this machine only;
            port 0 takes any that is free.

    Raises:
        ConfigError: The address makes no sense.
        SinkError: Nobody can listen there.
        MissingExtraError: prometheus-client is not installed.

    Example:
        >>> import urllib.request
        >>> with MetricsServer("0") as server:
        ...     sink = server.sink("door")
        ...     sink.open({"cache": {"nbytes": 4096}})
        ...     page = urllib.request.urlopen(server.url).read().decode()
        >>> [line for line in page.splitlines() if line.startswith("vidcache_cache_bytes")]
        ['vidcache_cache_bytes{source="door"} 4096.0']
    """

    def __init__(self, address: str = "127.0.0.1:9464") -> None:
        try:
            import prometheus_client
            from prometheus_client import core
        except ImportError as error:
            raise MissingExtraError("prometheus-client", "metrics", "serve metrics") from error
        host, port = _parse(address)
        self._core = core
        self._lock = threading.Lock()
        self._sources: dict[str, SourceCounters] = {}
        registry = prometheus_client.CollectorRegistry(auto_describe=False)
        registry.register(self)  # pyright: ignore[reportArgumentType]
        try:
            self._server, self._thread = prometheus_client.start_http_server(
                port, host, registry=registry
            )
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise SinkError(f"cannot serve metrics at '{address}': {why}") from error
        self._host = host
        self._closed = False

    @property
    def url(self) -> str:
        """Where the metrics are."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._server.server_port}/metrics"

    def sink(self, source: str) -> Sink:
        """A sink that counts the results of a source.

        Args:
            source: What it is called. A second sink of one name goes on counting.
        """
        return _CountingSink(self._counters(source))

    def watch(
        self,
        source: str,
        *,
        status: Callable[[], SourceStatus | None] | None = None,
        dropped: Callable[[], Mapping[str, int]] | None = None,
    ) -> None:
        """Name whom to ask about a source, each time that somebody reads the metrics.

        Args:
            source: What it is called.
            status: Tells how it is doing.
            dropped: Tells how many frames were left out so far, by cause.
        """
        counters = self._counters(source)
        counters.status = status
        counters.dropped = dropped

    def close(self) -> None:
        """Stop serving. Closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def collect(self) -> Iterator[Any]:
        """The metrics as of now, as prometheus-client wants them."""
        with self._lock:
            sources = dict(self._sources)
        yield from self._counter_families(sources)
        yield from self._state_families(sources)
        gauges: dict[str, tuple[str, Callable[[SourceCounters], float | None]]] = {
            "last_result_age_seconds": ("Seconds since the newest result", lambda c: c.age_seconds),
            "result_lag_seconds": ("From a frame's arrival to its result", lambda c: c.lag_seconds),
            "frames_per_second": (
                "Results a second over ten seconds",
                lambda c: c.frames_per_second(),
            ),
            "objects": ("Objects in the newest result", lambda c: float(c.num_objects)),
            "cache_bytes": ("What the temporal cache holds", lambda c: c.cache_bytes),
        }
        for name, (about, value) in gauges.items():
            family = self._core.GaugeMetricFamily(f"vidcache_{name}", about, labels=["source"])
            for source, counters in sources.items():
                number = value(counters)
                if number is not None:
                    family.add_metric([source], number)
            yield family

    def _counter_families(self, sources: Mapping[str, SourceCounters]) -> Iterator[Any]:
        def counter(name: str, about: str, *labels: str) -> Any:
            return self._core.CounterMetricFamily(
                f"vidcache_{name}", about, labels=["source", *labels]
            )

        frames = counter("frames", "Frames with a result")
        tainted = counter("tainted_frames", "Damaged frames, kept out of the temporal cache")
        dropped = counter("dropped_frames", "Frames left out", "cause")
        gaps = counter("discontinuities", "Breaks in the stream", "reason")
        actions = counter("actions", "Actions that began", "action")
        stages = counter("stage_seconds", "Seconds of work", "stage")
        for source, counters in sources.items():
            frames.add_metric([source], counters.num_frames)
            tainted.add_metric([source], counters.num_tainted)
            causes = counters.dropped() if counters.dropped is not None else {}
            by_label = (causes, *counters.copies())
            for family, counts in zip((dropped, actions, gaps, stages), by_label, strict=True):
                for label, count in counts.items():
                    family.add_metric([source, label], count)
        yield from (frames, tainted, dropped, gaps, actions, stages)

    def _state_families(self, sources: Mapping[str, SourceCounters]) -> Iterator[Any]:
        reconnects = self._core.CounterMetricFamily(
            "vidcache_reconnects", "Times that the source was lost and came back", labels=["source"]
        )
        states = self._core.GaugeMetricFamily(
            "vidcache_source_state", "1 for the state that it is in", labels=["source", "state"]
        )
        for source, counters in sources.items():
            status = counters.status() if counters.status is not None else None
            if status is None:
                continue
            reconnects.add_metric([source], status.num_reconnects)
            for state in SourceState:
                states.add_metric([source, state.value], float(status.state is state))
        yield from (reconnects, states)

    def _counters(self, source: str) -> SourceCounters:
        with self._lock:
            return self._sources.setdefault(source, SourceCounters())


class _CountingSink(Closing):
    """Counts the results of one source."""

    name = "metrics"
    keeps_results = False

    def __init__(self, counters: SourceCounters) -> None:
        self._counters = counters
        self._finished = False

    @property
    def closed(self) -> bool:
        return self._finished

    def open(self, header: dict[str, Any]) -> None:
        self._counters.begin(header)

    def write(self, frame: Frame, result: FrameResult) -> None:
        self._counters.add(result)

    def announce(self, discontinuity: Discontinuity) -> None:
        self._counters.add_gap(discontinuity)

    def close(self, end: dict[str, Any] | None = None) -> None:
        self._finished = True


def _parse(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"the address {address!r} of the metrics: expected HOST:PORT or PORT")
    return host.strip("[]") or "127.0.0.1", int(port)
