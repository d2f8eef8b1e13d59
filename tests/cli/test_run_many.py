import json

import pytest

from vidcache.video import read_jsonl

CAMERA = "lavfi:testsrc2=size=64x48:rate=20:duration=1,realtime"


@pytest.fixture
def run(call, small_model_path):
    def _run(*args):
        return call("run", *args, "--model", small_model_path, "--detector", "none")

    return _run


@pytest.fixture
def clips(tmp_path, make_video):
    folder = tmp_path / "clips"
    folder.mkdir()
    lengths = {"door": 20, "yard": 9, "hall": 14}
    return {name: make_video(folder / f"{name}.mp4", num_frames=n) for name, n in lengths.items()}


def lines(path):
    """The records that do not depend on the clock."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [record for record in found if record["type"] not in ("header", "end")]


def test_each_of_several_files_has_the_results_that_it_has_alone(run, tmp_path, clips):
    together, alone = tmp_path / "together", tmp_path / "alone"
    alone.mkdir()
    code, out, _ = run(*clips.values(), "--jsonl", together)
    assert code == 0
    for name, path in clips.items():
        assert run(path, "--jsonl", alone / f"{name}.jsonl")[0] == 0
        assert lines(together / f"{name}.jsonl") == lines(alone / f"{name}.jsonl")
        assert read_jsonl(together / f"{name}.jsonl").complete
        assert f"{name}: {len(read_jsonl(alone / f'{name}.jsonl').frames)} frames" in out


def test_cameras_and_files_have_names_in_the_configuration(run, tmp_path, clips):
    config = tmp_path / "cameras.yaml"
    config.write_text(
        f"sources:\n  front: {clips['door']}\n  test: '{CAMERA}'\n"
        f"jsonl: '{tmp_path}/{{name}}.jsonl'\n"
    )
    code, _, err = run("--config", config)
    assert code == 0
    assert f"watching test: {CAMERA}" in err
    assert len(read_jsonl(tmp_path / "front.jsonl").frames) == 20
    camera = read_jsonl(tmp_path / "test.jsonl")
    assert len(camera.frames) + camera.end["dropped"] == 20


def test_a_source_that_fails_does_not_stop_the_rest(run, tmp_path, clips):
    (tmp_path / "bad.mp4").write_bytes(b"this is no video" * 100)
    out = tmp_path / "out"
    code, _, err = run(tmp_path / "bad.mp4", clips["door"], tmp_path / "gone.mp4", "--jsonl", out)
    assert code == 3
    errors = [line for line in err.splitlines() if "error: " in line]
    assert len(errors) == 2
    assert "bad.mp4" in errors[0]
    assert "gone.mp4" in errors[1]
    assert [path.name for path in out.iterdir()] == ["door.jsonl"]
    assert read_jsonl(out / "door.jsonl").complete


def test_several_sources_that_share_the_standard_output_are_told_apart(run, clips, records):
    code, out, _ = run(*clips.values())
    assert code == 0
    found = records(out)
    for name, length in {"door": 20, "yard": 9, "hall": 14}.items():
        mine = [record for record in found if record["name"] == name]
        assert mine[0]["type"] == "header"
        assert [r["frame"] for r in mine if r["type"] == "frame"] == list(range(length))
        assert mine[-1]["type"] == "end"


def test_one_file_at_once_gives_the_same_results(run, tmp_path, clips):
    assert run(*clips.values(), "--jsonl", tmp_path / "all")[0] == 0
    assert run(*clips.values(), "--jsonl", tmp_path / "one", "--at-once", 1)[0] == 0
    for file in (f"{name}.jsonl" for name in clips):
        assert lines(tmp_path / "all" / file) == lines(tmp_path / "one" / file)


def test_one_file_cannot_take_the_results_of_several_sources(run, tmp_path, clips):
    code, _, err = run(*clips.values(), "--jsonl", tmp_path / "all.jsonl")
    assert code == 2
    assert "name a folder or use {name}" in err


def test_a_name_that_cannot_be_a_file_is_refused(run, tmp_path, clips):
    config = tmp_path / "cameras.yaml"
    config.write_text(f"sources:\n  ../front: {clips['door']}\n")
    code, _, err = run("--config", config)
    assert code == 2
    assert "sources.../front" in err
