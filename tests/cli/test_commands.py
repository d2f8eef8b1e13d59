"""`info`, `doctor` and `demo`."""

import os

import pytest

from vidcache.cli.demo import find_sample
from vidcache.errors import SourceError
from vidcache.video import read_jsonl


def test_info_describes_a_model_file(call, small_model_path):
    code, out, err = call("info", small_model_path)
    assert (code, err) == (0, "")
    assert "nobody, stand, walk, wave" in out
    assert "vit_tiny_patch16_224" in out
    assert str(small_model_path) in out


def test_info_predicts_the_cache_of_a_head(call, head_file):
    from vidcache.head import HeadConfig

    code, out, _ = call("info", head_file)
    assert code == 0
    config = HeadConfig(384, 384, depth=4, num_heads=6, num_iterations=4, num_outputs=16)
    per_slot = config.predict_nbytes(1) // 72
    assert f"{73 * per_slot:,} bytes a stream in fp32" in out


def test_info_refuses_an_unknown_setting_of_a_head(call, head_file):
    head_file.write_text(head_file.read_text() + "num_head: 6\n")
    code, out, err = call("info", head_file)
    assert (code, out) == (2, "")
    assert "head.yaml" in err
    assert "'num_heads'" in err


def test_info_says_that_a_model_has_no_card(call, small_model_path):
    code, _, err = call("info", small_model_path, "--card")
    assert code == 1
    assert "no model card" in err


def test_doctor_finds_everything_that_a_run_needs(call, monkeypatch):
    monkeypatch.setenv("VIDCACHE_OFFLINE", "1")
    code, out, _ = call("doctor")
    assert "BAD" not in out
    assert code == 0
    for topic in ("torch", "precision", "extra run", "bundled", "detector", "video", "streaming"):
        assert topic in out
    assert f"cache folder  {os.environ['VIDCACHE_CACHE']}, " in out


def test_doctor_says_what_is_broken_and_fails(call, monkeypatch):
    monkeypatch.setattr("vidcache.cli.doctor._BUNDLED", ("nowhere.pt",))
    monkeypatch.setenv("VIDCACHE_OFFLINE", "1")
    code, out, _ = call("doctor")
    assert code == 1
    assert "nowhere.pt is missing" in out


def test_the_demo_needs_nothing_but_the_repository(call, tmp_path, small_model_path, monkeypatch):
    monkeypatch.setenv("VIDCACHE_OFFLINE", "1")
    out = tmp_path / "demo"
    code, text, _ = call(
        *("demo", "--out", out, "--max-frames", 20, "--model", small_model_path),
    )
    assert code == 0
    recording = read_jsonl(out / "demo.jsonl")
    assert recording.end["frames"] == 20
    assert recording.header["detector"].startswith("the bundled person detector")
    assert (out / "demo.mp4").stat().st_size > 10_000
    assert "20 frames" in text


@pytest.mark.parametrize("command", ["run", "batch"])
def test_the_detector_may_look_at_every_nth_frame(call, command, tmp_path, small_model_path):
    out = tmp_path / "out"
    out.mkdir()
    code, text, _ = call(
        *(command, find_sample(), "--max-frames", 12, "--detect-every", 5),
        *("--model", small_model_path, "--detector", "bundled"),
        *(("--jsonl", out / "actions.jsonl") if command == "run" else ("--out", out)),
    )
    assert code == 0
    assert ("looked for objects in 3 frames (25%)" in text) == (command == "run")
    recording = read_jsonl(out / "actions.jsonl")
    assert [f.index for f in recording.frames if "predicted" not in f.flags] == [0, 5, 10]
    assert recording.end["looks"] == {"frames": 3, "share": 0.25}


def test_the_sample_is_about_twenty_seconds(monkeypatch, tmp_path):
    import av

    with av.open(str(find_sample())) as container:
        assert 15 <= container.duration / av.time_base <= 30
    monkeypatch.setattr("vidcache.cli.demo._REPOSITORY", tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="vidcache demo VIDEO"):
        find_sample()
