"""`bench scale`."""

import json
import sys

import pytest

from vidcache.cli import bench_scale, scale_tables

TINY = ("--width", 16, "--heads", 2, "--depth", 1, "--quick", "--threads", 1)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(bench_scale, "_HEAD_SECONDS", 0.0)
    monkeypatch.setattr(bench_scale, "_CAMERA_SECONDS", 1.0)


def test_every_axis_is_measured_printed_written_and_drawn(call, tmp_path):
    figures, picture = tmp_path / "scale.json", tmp_path / "scale.png"
    code, out, _ = call(
        "bench", "scale", *TINY, "--streams", "1,2", "--windows", "16,32", "--iterations", "1,2",
        "--cameras", "none", "--json", figures, "--plot", picture,
    )  # fmt: skip
    assert code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    found = json.loads(figures.read_text())
    assert "cameras" not in found
    assert set(found["axes"]) == {"streams", "window", "iterations"}
    for axis, rows in found["axes"].items():
        assert f"more {scale_tables._PLURALS[axis]}" in out
        assert [rows[0][name] for name in ("step_ratio", "throughput_ratio", "bytes_ratio")] == [
            1.0, 1.0, 1.0,
        ]  # fmt: skip
        assert all(row["nbytes"] == row["planned_nbytes"] for row in rows)
        assert rows[0][axis] < rows[1][axis]
        assert rows[1]["bytes_ratio"] > 1.5


def test_cameras_are_watched_with_the_real_program(call, tmp_path, small_model_path, small_video):
    figures, picture = tmp_path / "scale.json", tmp_path / "scale.png"
    code, out, _ = call(
        "bench", "scale", *TINY, "--streams", "1", "--windows", "16", "--iterations", "1",
        "--cameras", "1,2", "--reuse", "--model", small_model_path, "--detector", "none",
        "--video", small_video, "--json", figures, "--plot", picture,
    )  # fmt: skip
    assert code == 0
    assert picture.exists()
    found = json.loads(figures.read_text())["cameras"]
    assert (found["model"], found["detector"]) == (small_model_path.name, "none")
    assert str(small_model_path.parent) not in figures.read_text()
    points = [(row["cameras"], row["reuse"]) for row in found["points"]]
    assert points == [(1, False), (2, False), (1, True), (2, True)]
    assert all(row["frames"] > 0 and row["p50_ms"] > 0 for row in found["points"])
    assert found["points"][0]["throughput_ratio"] == found["points"][0]["cpu_ratio"] == 1.0
    assert {"encode", "head"} <= set(found["points"][0]["stages_ms"])
    assert found["flops"]["encode"] > found["flops"]["head"] > 0
    assert "2, reuse" in out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--streams", "1,x"), "--streams is '1,x'"),
        (("--windows", "0"), "--windows is '0'"),
        (("--cameras", ""), "--cameras is ''"),
        (("--video", "nowhere.mp4"), "--video is nowhere.mp4"),
        (("--plot", "nowhere/scale.png"), "is no folder"),
    ],
)
def test_wrong_use_is_one_line(call, flags, message):
    code, out, err = call("bench", "scale", *flags)
    assert (code, out) == (2, "")
    assert message in err


def test_a_picture_needs_matplotlib_and_says_so(call, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, err = call("bench", "scale", "--plot", tmp_path / "scale.png")
    assert (code, out) == (2, "")
    assert "needs matplotlib" in err
