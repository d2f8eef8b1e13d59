import gc
import socket
import threading
import time
import urllib.request

import pytest
from sink_input import HEADER, make_frame, make_result, make_track

from vidcache.errors import ConfigError, SinkError
from vidcache.frames import Discontinuity, Event
from vidcache.video import SourceState, SourceStatus
from vidcache.video.sinks import MetricsServer

parser = pytest.importorskip("prometheus_client.parser", reason="needs the extra 'metrics'")


def scrape(server):
    """Every sample of a real request, read by Prometheus's own parser."""
    text = urllib.request.urlopen(server.url, timeout=10).read().decode()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }


def key(name, **labels):
    return (f"vidcache_{name}", *sorted(labels.items()))


def test_results_of_each_source_are_counted():
    with MetricsServer("0") as server:
        door, yard = server.sink("door"), server.sink("yard")
        for sink in (door, yard):
            sink.open({**HEADER, "cache": {"nbytes": 12345}})
        for index in range(10):
            flags = ("tainted",) if index < 3 else ()
            events = (Event("start", "walk", index, 0.0),) if index == 4 else ()
            timings = {"encode": 0.25}
            result = make_result(index, flags=flags, events=events, timings=timings)
            door.write(make_frame(index), result)
        yard.write(make_frame(0), make_result(0, objects=(make_track(1), make_track(2))))
        door.announce(Discontinuity("disconnect", 10, 0.4, "no answer", 1.0))
        found = scrape(server)
    assert found[key("frames_total", source="door")] == 10
    assert found[key("frames_total", source="yard")] == 1
    assert found[key("tainted_frames_total", source="door")] == 3
    assert found[key("actions_total", source="door", action="walk")] == 1
    assert found[key("discontinuities_total", source="door", reason="disconnect")] == 1
    assert found[key("stage_seconds_total", source="door", stage="encode")] == 2.5
    assert found[key("objects", source="yard")] == 2
    assert found[key("cache_bytes", source="door")] == 12345
    assert found[key("frames_per_second", source="door")] > 0
    assert found[key("last_result_age_seconds", source="door")] >= 0
    assert key("result_lag_seconds", source="door") not in found


def test_what_only_the_source_knows_is_asked_when_somebody_reads():
    status = SourceStatus(SourceState.CONNECTING, since=0.0)
    dropped = {"full": 1}
    with MetricsServer("0") as server:
        server.watch("door", status=lambda: status, dropped=lambda: dropped)
        assert scrape(server)[key("source_state", source="door", state="connecting")] == 1
        status = SourceStatus(SourceState.BACKOFF, since=0.0, num_reconnects=3)
        dropped = {"full": 5, "late": 2}
        found = scrape(server)
    assert found[key("source_state", source="door", state="connecting")] == 0
    assert found[key("source_state", source="door", state="backoff")] == 1
    assert found[key("reconnects_total", source="door")] == 3
    assert found[key("dropped_frames_total", source="door", cause="full")] == 5
    assert found[key("dropped_frames_total", source="door", cause="late")] == 2
    assert found[key("frames_total", source="door")] == 0
    assert key("last_result_age_seconds", source="door") not in found


def test_the_lag_of_a_live_source_is_the_time_from_arrival_to_result():
    with MetricsServer("0") as server:
        sink = server.sink("door")
        sink.open(dict(HEADER))
        sink.write(make_frame(0), make_result(0, time=time.time() - 5.0))
        lag = scrape(server)[key("result_lag_seconds", source="door")]
    assert lag >= 5.0


def test_a_name_of_any_characters_comes_back():
    name = 'yard "2"\\left\nrtsp://***@x'
    with MetricsServer("0") as server:
        server.sink(name).open({})
        assert scrape(server)[key("frames_total", source=name)] == 0


def test_two_servers_have_nothing_in_common():
    with MetricsServer("0") as first, MetricsServer("127.0.0.1:0") as second:
        first.sink("door")
        assert key("frames_total", source="door") in scrape(first)
        assert scrape(second) == {}


def test_closing_frees_the_port_and_leaves_no_thread():
    before = threading.active_count()
    server = MetricsServer("0")
    address = server.url.removeprefix("http://").removesuffix("/metrics")
    assert address.startswith("127.0.0.1:")
    server.close()
    server.close()
    gc.collect()
    assert threading.active_count() == before
    MetricsServer(address).close()


def test_reading_while_results_come_is_safe():
    with MetricsServer("0") as server:
        sink = server.sink("door")
        sink.open(dict(HEADER))
        stop = threading.Event()

        def write():
            index = 0
            while not stop.is_set():
                timings = {f"stage{index % 50}": 0.001}
                sink.write(make_frame(0), make_result(index, timings=timings))
                index += 1

        writer = threading.Thread(target=write)
        writer.start()
        counts = [scrape(server)[key("frames_total", source="door")] for _ in range(30)]
        stop.set()
        writer.join()
    assert counts == sorted(counts)


def test_an_address_that_cannot_be_used_is_an_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SinkError, match=f"cannot serve metrics at '{address}': .*in use"):
            MetricsServer(address)
    for address in ("localhost", "host:port", "127.0.0.1:70000", ""):
        with pytest.raises(ConfigError, match="expected HOST:PORT or PORT"):
            MetricsServer(address)
