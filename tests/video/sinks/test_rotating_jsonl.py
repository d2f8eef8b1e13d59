import json

import pytest
from sink_input import HEADER, make_frame, make_result, run_under_file_limit

from vidcache.errors import ConfigError, SinkError
from vidcache.frames import Discontinuity, LabelChange
from vidcache.video import RotatingJsonlSink, read_jsonl

LIVE = {**HEADER, "live": True}


def write(sink, indices, header=LIVE):
    with sink:
        sink.open(dict(header))
        for index in indices:
            sink.write(make_frame(index), make_result(index))
        sink.close({"frames": len(indices), "dropped": 0})


def parts(folder):
    return [read_jsonl(path) for path in sorted(folder.glob("camera*.jsonl"))]


def test_parts_sorted_by_name_hold_every_frame_once_and_each_is_whole(tmp_path):
    sink = RotatingJsonlSink(tmp_path / "camera.jsonl", max_bytes=2000)
    write(sink, range(100))
    found = parts(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [*(f"camera.{n:04d}.jsonl" for n in range(1, len(found))), "camera.jsonl"]
    assert [frame.index for part in found for frame in part.frames] == list(range(100))
    assert [part.header["part"] for part in found] == list(range(1, len(found) + 1))
    for part in found[:-1]:
        assert part.header["labels"] == HEADER["labels"]
        assert part.end == {
            **{"type": "end", "frames": len(part.frames), "part": part.header["part"]},
            "continued": True,
        }
    assert found[-1].end == {"type": "end", "frames": 100, "dropped": 0, "part": len(found)}
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert max(sizes) < 2000 + 300


def test_parts_end_by_presentation_time(tmp_path):
    write(RotatingJsonlSink(tmp_path / "camera.jsonl", max_seconds=1.0), range(60))
    assert [len(part.frames) for part in parts(tmp_path)] == [25, 25, 10]


def test_the_newest_file_keeps_its_name_so_that_tail_follows_it(tmp_path):
    path = tmp_path / "camera.jsonl"
    sink = RotatingJsonlSink(path, max_seconds=1.0)
    with sink:
        sink.open(dict(LIVE))
        for index in range(60):
            sink.write(make_frame(index), make_result(index))
            last = json.loads(path.read_text().splitlines()[-1])
            assert last["frame"] == index


def test_only_the_newest_files_are_kept(tmp_path):
    write(RotatingJsonlSink(tmp_path / "camera.jsonl", max_seconds=1.0, keep_files=3), range(200))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["camera.0006.jsonl", "camera.0007.jsonl", "camera.jsonl"]
    assert next(frame.index for part in parts(tmp_path) for frame in part.frames) == 125


def test_a_program_that_is_started_again_replaces_nothing(tmp_path):
    for start in (0, 30, 60):
        sink = RotatingJsonlSink(tmp_path / "camera.jsonl", max_seconds=1.0)
        write(sink, range(start, start + 30))
    assert [frame.index for part in parts(tmp_path) for frame in part.frames] == list(range(90))


def test_an_announcement_goes_into_the_newest_part(tmp_path):
    path = tmp_path / "camera.jsonl"
    lost = Discontinuity("disconnect", 1, 0.0, "no answer", 5.0)
    with RotatingJsonlSink(path, max_seconds=1.0) as sink:
        sink.open(dict(LIVE))
        sink.write(make_frame(0), make_result(0))
        sink.announce(lost)
        assert read_jsonl(path).events == (lost,)


_WRITE = """
from vidcache.video import RotatingJsonlSink
sink = RotatingJsonlSink(sys.argv[1], max_bytes=10**6, retry_seconds=(0.02, 0.1))
sink.open({**HEADER, "live": sys.argv[2] == "live"})
try:
    for index in range(150):
        sink.write(make_frame(index), make_result(index))
        time.sleep(0.001)
    sink.close({"frames": 150})
except SinkError as error:
    print(error)
    sys.exit(1)
print(sink.num_dropped)
"""


def test_a_live_run_goes_on_in_a_new_part_after_a_failure(tmp_path):
    pytest.importorskip("resource")
    done = run_under_file_limit(_WRITE, 8192, tmp_path / "camera.jsonl", "live")
    assert done.returncode == 0, done.stderr
    num_dropped = int(done.stdout)
    found = parts(tmp_path)
    indices = [frame.index for part in found for frame in part.frames]
    assert len(found) > 1
    assert num_dropped > 0
    assert len(set(indices)) == len(indices)
    assert len(indices) + num_dropped in range(150, 150 + len(found))
    assert sum(part.header.get("lost", 0) for part in found) <= num_dropped
    assert found[1].header["lost"] > 0
    assert "File too large; trying again until it works" in done.stderr
    assert "camera.jsonl' is written again" in done.stderr


def test_a_failure_in_the_run_of_a_file_is_an_error(tmp_path):
    pytest.importorskip("resource")
    done = run_under_file_limit(_WRITE, 8192, tmp_path / "camera.jsonl", "file")
    assert done.returncode == 1
    assert "cannot write results" in done.stdout
    assert "File too large" in done.stdout


def test_what_makes_no_sense_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="the standard output is one stream"):
        RotatingJsonlSink("-", max_bytes=100)
    with pytest.raises(ConfigError, match="max_seconds=0"):
        RotatingJsonlSink(tmp_path / "a.jsonl", max_seconds=0)
    with pytest.raises(ConfigError, match="keep_files=0"):
        RotatingJsonlSink(tmp_path / "a.jsonl", keep_files=0)
    with pytest.raises(SinkError, match="No such file"):
        RotatingJsonlSink(tmp_path / "none" / "a.jsonl").open({})
    with pytest.raises(SinkError, match="call open"):
        RotatingJsonlSink(tmp_path / "a.jsonl").write(make_frame(0), make_result(0))


def test_parts_after_a_change_of_labels_begin_with_the_new_ones(tmp_path):
    change = LabelChange(30, 1.2, ("nobody", "wave"))
    sink = RotatingJsonlSink(tmp_path / "camera.jsonl", max_seconds=1.0)
    with sink:
        sink.open(dict(LIVE))
        for index in range(60):
            events = (change,) if index == 30 else ()
            sink.write(make_frame(index), make_result(index, events=events))
    found = parts(tmp_path)
    assert [part.header["labels"] for part in found] == [
        *(["nobody", "walk"], ["nobody", "walk"], ["nobody", "wave"])
    ]
    assert found[1].events == (change,)
