from pathlib import Path

import pytest
from sink_input import HEADER, feed, make_frame, make_result, make_track

from vidcache.errors import ConfigError, SinkError
from vidcache.frames import Discontinuity, Event
from vidcache.video import FILE_SINKS, file_sink


@pytest.mark.parametrize("kind", FILE_SINKS)
def test_every_kind_writes_to_any_path_and_replaces_what_was_there(kind, tmp_path):
    path = tmp_path / "odd name.part"
    path.write_bytes(b"old " * 100_000)
    events = (Event("start", "walk", 0, 0.0), Event("end", "walk", 2, 0.08))
    results = [make_result(i, objects=(make_track(1),)) for i in range(3)]
    results.append(make_result(3, events=events))
    feed(file_sink(kind, path), results)
    assert path.stat().st_size > 0
    assert b"old " not in path.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", FILE_SINKS)
def test_every_kind_takes_an_announcement_and_closes_twice(kind, tmp_path):
    with file_sink(kind, tmp_path / "results") as sink:
        sink.open(dict(HEADER))
        sink.write(make_frame(0), make_result(0))
        sink.announce(Discontinuity("disconnect", 1, 0.0, "no answer for 10 s", 1.7e9))
        sink.write(make_frame(1, 5.0), make_result(1, 5.0))
        sink.close({"frames": 2})
        assert sink.closed
        sink.close()


@pytest.mark.parametrize("kind", FILE_SINKS)
def test_every_kind_says_where_it_cannot_write(kind, tmp_path):
    with pytest.raises(SinkError, match=r"cannot write .*none.*No such file or directory"):
        file_sink(kind, tmp_path / "none" / "results").open(dict(HEADER))
    with pytest.raises(SinkError, match="call open"):
        file_sink(kind, tmp_path / "results").write(make_frame(0), make_result(0))


@pytest.mark.parametrize("kind", FILE_SINKS)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_every_kind_says_that_the_disk_is_full(kind):
    def fill():
        with file_sink(kind, "/dev/full") as sink:
            sink.open(dict(HEADER))
            for i in range(3000):
                walk = (Event("start", "walk", i, i / 25), Event("end", "walk", i, (i + 1) / 25))
                result = make_result(i, objects=(make_track(1),), events=walk)
                sink.write(make_frame(i, seed=0), result)
            sink.close({"frames": 3000})

    with pytest.raises(SinkError, match="No space left"):
        fill()


def test_an_unknown_kind_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match="no output 'avi': expected one of jsonl, video, mot"):
        file_sink("avi", "x.avi")
