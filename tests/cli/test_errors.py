"""Every mistake gives one clear line on the standard error and the right exit code."""

import pytest

from vidcache.cli.app import run_app


def one_error_line(err):
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("vidcache: error: ")
    return lines[0]


@pytest.fixture
def fail(call, small_model_path, monkeypatch):
    """Runs a command that must fail; gives its code and its line."""
    monkeypatch.setenv("VIDCACHE_OFFLINE", "1")

    def _fail(*args):
        code, out, err = call(*args)
        assert out == ""
        return code, one_error_line(err)

    return _fail


def test_a_wrong_path(fail, small_model_path):
    code, line = fail("run", "nowhere.mp4", "--model", small_model_path)
    assert code == 1
    assert "nowhere.mp4" in line


def test_an_unreadable_file(fail, tmp_path, small_model_path):
    path = tmp_path / "notes.mp4"
    path.write_text("no video at all\n" * 50)
    code, line = fail("run", path, "--model", small_model_path)
    assert code == 1
    assert "notes.mp4" in line


def test_a_folder_without_videos(fail, tmp_path):
    code, line = fail("run", tmp_path)
    assert code == 1
    assert "no videos" in line


def test_an_unknown_model(fail, small_video):
    code, line = fail("run", small_video, "--model", "tinny", "--detector", "none")
    assert code == 1
    assert "tinny" in line


def test_a_model_file_that_is_something_else(fail, small_video, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"0" * 100)
    code, line = fail("run", small_video, "--model", path, "--detector", "none")
    assert code == 1
    assert "model.safetensors" in line


def test_an_unknown_key(fail, small_video, tmp_path):
    config = tmp_path / "my.yaml"
    config.write_text("detektor: none\n")
    code, line = fail("run", small_video, "--config", config)
    assert code == 2
    assert f"{config}: unknown key 'detektor'; did you mean 'detector'?" in line


@pytest.mark.parametrize("value", ["0", "-1", "often"])
def test_a_cadence_that_is_none(fail, small_video, value):
    code, line = fail("run", small_video, "--detect-every", value)
    assert code == 2
    assert f"--detect-every: '{value}' is not allowed: expected a number of frames" in line


def test_a_detector_that_cannot_be_fetched(fail, small_video, small_model_path, tmp_path):
    code, line = fail("run", small_video, "--model", small_model_path, "--detector", "yolo26x.pt")
    assert code == 1
    assert "yolo26x.pt" in line
    assert "--detector PATH" in line


def test_an_unknown_tracker(fail, small_video, small_model_path):
    code, line = fail("run", small_video, "--model", small_model_path, "--tracker", "bytetrak")
    assert code == 2
    assert "did you mean bytetrack" in line


def test_a_device_that_is_not_there(fail, small_video, small_model_path):
    code, line = fail("run", small_video, "--model", small_model_path, "--device", "cuda:7")
    assert code == 2
    assert "cuda:7" in line


def test_an_output_that_cannot_be_written(fail, small_video, small_model_path, tmp_path):
    for flag, name in (("--jsonl", "out.jsonl"), ("--video", "out.mp4")):
        target = tmp_path / "missing" / name
        code, line = fail(
            "run", small_video, "--model", small_model_path, "--detector", "none", flag, target
        )
        assert code == 1
        assert name in line


def test_a_window_without_a_display(fail, small_video, small_model_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    code, line = fail(
        "run", small_video, "--model", small_model_path, "--detector", "none", "--show"
    )
    assert code == 1
    assert "no display" in line


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["run"], "there is no SOURCE"),
        (["run", "a.mp4", "--max-frames", "0"], "--max-frames: 0 is not allowed"),
        (["run", "a.mp4", "--max-frames", "many"], "'--max-frames'"),
        (["run", "a.mp4", "--precision", "fp8"], "--precision: 'fp8' is not allowed"),
        (["run", "a.mp4", "--threshold", "2"], "--threshold: 2.0 is not allowed"),
        (["run", "a.mp4", "--nonsense"], "--nonsense"),
        (["run", "a.mp4", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["run", "a.mp4", "--video", "-"], "cannot go to the standard output"),
        (["runn", "a.mp4"], "Did you mean 'run'"),
        (["info"], "MODEL"),
    ],
)
def test_wrong_use_has_exit_code_2(fail, args, hint):
    code, line = fail(*args)
    assert code == 2
    assert hint in line


def test_debug_shows_the_traceback(small_model_path):
    with pytest.raises(Exception, match=r"nowhere\.mp4"):
        run_app(["run", "nowhere.mp4", "--debug"])


def test_no_arguments_show_the_help(call):
    code, out, err = call()
    assert (code, err) == (0, "")
    for command in ("run", "demo", "info", "doctor"):
        assert command in out


@pytest.mark.parametrize(
    ("package", "extra"), [("typer", "run"), ("timm", "run"), ("av", "run"), ("ultralytics", "run")]
)
def test_a_missing_package_names_the_extra_that_brings_it(
    start, small_video, small_model_path, package, extra
):
    process = start("run", small_video, "--model", small_model_path, block=[package])
    out, err = process.communicate(timeout=120)
    line = one_error_line(err)
    assert (process.returncode, out) == (1, "")
    assert f"'{package}'" in line
    assert f"pip install 'vidcache[{extra}]'" in line
