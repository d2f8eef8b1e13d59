import io
import json
import os
import signal
import sys
import time

import pytest


@pytest.fixture
def folder(tmp_path, make_video):
    """Two good videos and a bad one."""
    clips = tmp_path / "clips"
    clips.mkdir()
    make_video(clips / "a.mp4", num_frames=8)
    make_video(clips / "b.mp4", num_frames=12)
    (clips / "bad.mp4").write_text("no video\n" * 100)
    return clips


@pytest.fixture
def batch(call, small_model_path, tmp_path):
    def _batch(*args):
        quick = ("--model", small_model_path, "--detector", "none", "--out", tmp_path / "out")
        return call("batch", *args, *quick)

    return _batch


def test_the_bad_file_is_named_and_the_rest_is_complete(batch, folder, tmp_path):
    code, out, err = batch(folder, "--with", "video,csv", "--workers", 1)
    assert code == 3
    assert "2 of 3 files done; 1 failed" in out
    assert f"what is wrong stands in {tmp_path / 'out' / 'errors.jsonl'}" in out
    assert err.count("\n") == 1
    assert "bad.mp4" in err
    made = {path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")}
    assert made == {
        *("manifest.jsonl", "errors.jsonl"),
        *("a.jsonl", "a.mp4", "a.csv", "b.jsonl", "b.mp4", "b.csv"),
    }
    (folder / "bad.mp4").unlink()
    code, out, err = batch(folder, "--with", "csv")
    assert (code, err) == (0, "")
    assert "2 of 2 files done, 2 of them before" in out
    assert not (tmp_path / "out" / "errors.jsonl").exists()


def test_a_list_on_the_standard_input_is_worked_through(batch, folder, tmp_path, monkeypatch):
    def give(text):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    give("\0".join(str(folder / name) for name in ("a.mp4", "missing.mp4")))
    assert batch("-")[0] == 3
    (error,) = (tmp_path / "out" / "errors.jsonl").read_text().splitlines()
    assert json.loads(error)["kind"] == "missing"
    assert (tmp_path / "out" / "a.jsonl").exists()
    give(f"{folder / 'a.mp4'}\r\nrtsp://camera/1\n")
    code, _, err = batch("-")
    assert (code, "'rtsp://camera/1' is not a file" in err) == (2, True)


def test_a_batch_of_which_every_file_is_bad_fails(batch, folder):
    code, _, err = batch(folder / "bad.mp4", folder / "missing.mp4")
    assert code == 1
    assert err.count("error: ") == 2


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["rtsp://camera/1"], "is not a file"),
        (["a.mp4", "--with", "midi"], "there is no output 'midi'"),
        (["a.mp4", "--shard", "3/2"], "shard"),
        (["a.mp4", "--workers", "many"], "--workers"),
        (["a.mp4", "--on-error", "cry"], "on_error"),
        (["a.mp4", "--engine", "steam"], "engine"),
        (["a.mp4", "--file-timeout", "0"], "file_timeout"),
    ],
)
def test_wrong_use_is_told(batch, args, complaint):
    code, _, err = batch(*args)
    assert code == 2
    assert complaint in err
    assert err.count("\n") == 1


def test_shards_together_do_everything(batch, folder, tmp_path):
    assert {batch(folder, "--shard", f"{number}/2")[0] for number in (1, 2)} <= {0, 1, 3}
    assert (tmp_path / "out" / "a.jsonl").exists()
    assert (tmp_path / "out" / "b.jsonl").exists()
    code, out, _ = batch(folder)
    assert code == 3
    assert "2 of them before" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_half_file_and_exits_130(
    start, make_video, small_model_path, tmp_path, number
):
    video = make_video(tmp_path / "long.mp4", num_frames=6000)
    out = tmp_path / "out"
    process = start(
        *("batch", video, "--out", out, "--model", small_model_path, "--detector", "none"),
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not any(out.glob("long.jsonl.*.part")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    # As a terminal does it: to the whole group, workers included.
    os.killpg(process.pid, number)
    stdout, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert "interrupted: the same command again goes on from here" in stdout
    assert list(out.glob("long*")) == []
