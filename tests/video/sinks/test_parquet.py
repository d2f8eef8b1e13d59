import json
import signal
import subprocess
import sys

import pytest
from sink_input import HEADER, feed, make_frame, make_result, make_track

from vidcache.video import ParquetSink

parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'parquet'")


def test_a_row_is_one_object_and_an_empty_frame_has_a_row_too(tmp_path):
    path = tmp_path / "camera.parquet"
    feed(
        ParquetSink(path),
        [
            make_result(0, objects=(make_track(1), make_track(2))),
            make_result(1, action="unsure", flags=("tainted", "after_gap"), time=1.7e9),
        ],
    )
    rows = parquet.read_table(path).to_pylist()
    assert [row["frame"] for row in rows] == [0, 0, 1]
    assert rows[1] == {
        **{"frame": 0, "pts": 0.0, "time": None, "action": "walk", "action_score": 0.9},
        **{"session": 0, "id": 2, "label": "person", "score": 0.75},
        **{
            "x1": 2.0,
            "y1": 4.0,
            "x2": 12.5,
            "y2": 24.0,
        },
        **{"object_action": None, "object_action_score": None, "flags": []},
    }
    assert rows[2]["flags"] == ["tainted", "after_gap"]
    assert (rows[2]["time"], rows[2]["id"], rows[2]["label"]) == (1.7e9, None, None)


def test_the_header_stands_in_the_metadata(tmp_path):
    path = tmp_path / "camera.parquet"
    feed(ParquetSink(path), [make_result(0)])
    assert json.loads(parquet.read_schema(path).metadata[b"vidcache"]) == HEADER


def test_row_groups_are_written_as_the_run_goes_on(tmp_path):
    path = tmp_path / "camera.parquet"
    sizes = []
    with ParquetSink(path, group_rows=100) as sink:
        sink.open(dict(HEADER))
        for index in range(350):
            sink.write(make_frame(index), make_result(index))
            sizes.append(path.stat().st_size)
    assert len(set(sizes)) == 4
    file = parquet.ParquetFile(path)
    assert [file.metadata.row_group(n).num_rows for n in range(4)] == [100, 100, 100, 50]
    assert file.read()["frame"].to_pylist() == list(range(350))


def test_no_frames_leave_an_empty_table(tmp_path):
    path = tmp_path / "camera.parquet"
    feed(ParquetSink(path), [])
    assert parquet.read_table(path).num_rows == 0


_WRITE_FOR_EVER = """
import sys
sys.path.insert(0, sys.argv[2])
from sink_input import make_frame, make_result
from vidcache.video import ParquetSink
sink = ParquetSink(sys.argv[1], group_rows=100)
sink.open({})
for index in range(10**9):
    sink.write(make_frame(index), make_result(index))
    print(index, flush=True)
"""


def test_what_a_killed_program_leaves_is_refused_rather_than_half_read(tmp_path):
    path = tmp_path / "camera.parquet"
    tests = next(entry for entry in sys.path if entry.endswith("tests"))
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITE_FOR_EVER, str(path), tests], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 250:
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    with pytest.raises(ValueError, match="not a parquet file"):
        parquet.read_table(path)
