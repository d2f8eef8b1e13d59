import av
import pytest

from vidcache.runtime import Choice
from vidcache.video import read_jsonl


def presentation_times(path):
    with av.open(str(path)) as container:
        return [round(float(frame.time), 3) for frame in container.decode(video=0)]


@pytest.fixture
def run(call, small_model_path):
    def _run(*args):
        return call("run", *args, "--model", small_model_path, "--detector", "none")

    return _run


def test_results_and_annotated_video_have_the_times_of_the_source(run, tmp_path, small_video):
    jsonl, video = tmp_path / "out.jsonl", tmp_path / "out.mp4"
    code, out, err = run(small_video, "--jsonl", jsonl, "--video", video)
    assert (code, err) == (0, "")
    recording = read_jsonl(jsonl)
    expected = presentation_times(small_video)
    assert recording.header["source"] == str(small_video)
    assert recording.header["labels"] == ["nobody", "stand", "walk", "wave"]
    assert [round(result.pts_seconds, 3) for result in recording.frames] == expected
    assert recording.end["frames"] == len(expected) == 24
    assert recording.end["truncated"] is False
    assert {"decode", "encode", "head", "draw", "write", "jsonl"} <= set(recording.end["timings"])
    assert presentation_times(video) == expected
    assert "24 frames (2.0 s of video)" in out
    assert f"wrote {video}" in out


def test_without_outputs_the_results_go_to_a_pipe(run, small_video, records):
    code, out, err = run(small_video)
    lines = records(out)
    assert (code, err) == (0, "")
    assert lines[0]["type"] == "header"
    assert [line["frame"] for line in lines if line["type"] == "frame"] == list(range(24))
    assert lines[-1]["type"] == "end"


def test_max_frames_ends_readable_and_truncated(run, tmp_path, small_video):
    jsonl, video = tmp_path / "out.jsonl", tmp_path / "out.mp4"
    code, out, _ = run(small_video, "--jsonl", jsonl, "--video", video, "--max-frames", 10)
    assert code == 0
    assert "stopped before the end" in out
    assert read_jsonl(jsonl).end["truncated"] is True
    assert len(presentation_times(video)) == 10


def test_flags_come_before_the_configuration(run, tmp_path, small_video, records):
    config = tmp_path / "my.yaml"
    config.write_text(f"source: {small_video}\nmax_frames: 9\nthreshold: 0.1\nbatch: 2\n")
    code, out, _ = run("--config", config, "--max-frames", 3)
    lines = records(out)
    assert code == 0
    assert (lines[0]["threshold"], lines[-1]["frames"]) == (0.1, 3)


def test_a_folder_is_worked_through_although_one_file_is_bad(
    run, tmp_path, make_video, small_video
):
    folder, out = tmp_path / "clips", tmp_path / "out"
    folder.mkdir()
    make_video(folder / "a.mp4", num_frames=6)
    (folder / "b.mp4").write_bytes(b"this is no video" * 100)
    make_video(folder / "c.mp4", num_frames=8)
    code, _, err = run(folder, "--jsonl", out, "--video", out)
    assert code == 3
    assert [line for line in err.splitlines() if "error" in line] == [
        line for line in err.splitlines() if "b.mp4" in line and "error: " in line
    ]
    assert "error: " in err
    assert sorted(path.name for path in out.iterdir()) == ["a.jsonl", "a.mp4", "c.jsonl", "c.mp4"]
    assert [read_jsonl(out / f"{name}.jsonl").end["frames"] for name in "ac"] == [6, 8]


def test_a_pattern_of_which_every_file_is_bad_fails(run, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    code, _, err = run(f"{tmp_path}/*.mp4", "--jsonl", tmp_path / "out")
    assert code == 1
    assert err.count("error: ") == 1


def test_one_file_cannot_take_the_results_of_several(run, tmp_path, make_video):
    make_video(tmp_path / "a.mp4", num_frames=2)
    code, _, err = run(tmp_path, "--jsonl", tmp_path / "out.jsonl")
    assert code == 2
    assert "name a folder or use {name}" in err


def test_files_of_one_name_do_not_share_their_outputs(run, tmp_path, make_video):
    for name in ("x/clip.mp4", "y/clip.mp4"):
        (tmp_path / name).parent.mkdir()
        make_video(tmp_path / name, num_frames=3)
    code, _, _ = run(f"{tmp_path}/*/clip.mp4", "--jsonl", tmp_path / "out")
    assert code == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["clip.jsonl", "clip_2.jsonl"]


def test_the_source_is_never_overwritten(run, tmp_path, make_video):
    source = make_video(tmp_path / "a.mp4", num_frames=3)
    before = source.read_bytes()
    code, _, err = run(source, "--video", source)
    assert code == 2
    assert "would replace the video that is read" in err
    assert source.read_bytes() == before


def test_a_synthetic_camera_is_a_source(run, records):
    code, out, _ = run("lavfi:testsrc2=size=64x48:rate=10:duration=1")
    assert code == 0
    assert records(out)[-1]["frames"] == 10


def test_every_kind_of_output_is_a_flag(run, tmp_path, small_video):
    kinds = {"jsonl": "jsonl", "video": "mp4", "mot": "txt", "csv": "csv", "webvtt": "vtt"}
    files = {kind: tmp_path / f"out.{suffix}" for kind, suffix in kinds.items()}
    flags = [word for kind, path in files.items() for word in (f"--{kind}", path)]
    code, out, err = run(small_video, *flags, "--metrics", "0")
    assert code == 0
    assert "metrics: http://127.0.0.1:" in err
    for kind, path in files.items():
        assert path.exists(), kind
        assert f"wrote {path}" in out
    assert files["webvtt"].read_text().startswith("WEBVTT")
    assert files["csv"].read_text().count("\n") == 25


def test_a_camera_that_is_watched_alone_must_be_there(run):
    code, out, err = run("rtsp://me:secret@127.0.0.1:1/door")
    assert (code, out) == (1, "")
    assert "refused" in err
    assert "secret" not in err
    assert len(err.splitlines()) == 1


def test_reuse_says_how_much_it_computed(call, tmp_path, small_model_path):
    source = "lavfi:testsrc2=size=96x64:rate=10:duration=2"
    for number, flags in enumerate(([], ["--reuse"])):
        path = tmp_path / f"{number}.jsonl"
        code, _, _ = call(
            "run",
            source,
            "--model",
            small_model_path,
            "--detector",
            "none",
            "--jsonl",
            path,
            *flags,
        )
        assert code == 0
    plain, reused = (read_jsonl(tmp_path / f"{number}.jsonl") for number in (0, 1))
    assert "encoder" not in plain.end["cache"]
    assert 0 < reused.end["cache"]["encoder"]["share_computed"] <= 1
    assert len(plain.frames) == len(reused.frames)


@pytest.mark.parametrize(("faster", "share"), [("whole", 1.0), ("reuse", 0.5)])
def test_reuse_is_off_where_it_is_slower(
    call, tmp_path, small_model_path, monkeypatch, caplog, faster, share
):
    monkeypatch.setattr(
        "vidcache.pipeline.actions.choose_reuse", lambda *_: Choice(faster, "said the test")
    )
    code, _, _ = call(
        "run", "lavfi:color=size=96x64:rate=10:duration=2", "--model", small_model_path,
        "--detector", "none", "--reuse", "--jsonl", tmp_path / "r.jsonl",
    )  # fmt: skip
    assert code == 0
    figures = read_jsonl(tmp_path / "r.jsonl").end["cache"]["encoder"]
    assert (figures["share_computed"] == 1.0) == (share == 1.0)
    assert figures["share_computed"] <= share
    assert ("slower" in caplog.text) == (faster == "whole")


def test_reuse_and_a_prefix_cache_contradict_each_other(call, tmp_path, small_model_path):
    code, _, error = call(
        "run", "lavfi:testsrc2=size=96x64:duration=1", "--model", small_model_path,
        "--detector", "none", "--reuse", "--prefix-cache", tmp_path / "known",
    )  # fmt: skip
    assert code == 2
    assert "leave one of them out" in error


def test_an_unknown_engine_is_refused(call, small_model_path):
    code, _, error = call("run", "lavfi:testsrc2", "--engine", "tensorrt")
    assert code == 2
    assert "'tensorrt' is not allowed" in error
