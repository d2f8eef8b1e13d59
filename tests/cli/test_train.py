import json

import pytest
import yaml

from vidcache.training.train_settings import TrainSettings, load_train_settings


@pytest.fixture(scope="module")
def data(tmp_path_factory, make_video):
    """A folder with two labels, three short videos each, of two sizes."""
    folder = tmp_path_factory.mktemp("data")
    for label, size in (("far", (96, 64)), ("near", (64, 96))):
        (folder / label).mkdir()
        for number in range(3):
            make_video(folder / label / f"{number}.mp4", num_frames=6 + number, rate=6, size=size)
    return folder


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Settings of a training that takes a second."""
    path = tmp_path_factory.mktemp("settings") / "train.yaml"
    head = {"width": 16, "depth": 1, "num_heads": 2, "num_iterations": 2, "window": 8}
    clips = {"clip_frames": 4, "clips_per_batch": 2}
    values = {"epochs": 2, "least_batches": 2, "head": head, "end_to_end": clips}
    path.write_text(yaml.safe_dump(values))
    return path


def test_what_was_trained_runs(call, data, settings, small_model_path, small_video, tmp_path):
    out = tmp_path / "out"
    options = ("--model", small_model_path, "--config", settings, "--seed", 3, "--window", 5)
    code, told, _ = call("train", data, "--out", out, *options)
    assert code == 0
    assert f"try it: vidcache run SOURCE --model {out}" in told
    epochs = [json.loads(line) for line in (out / "train.jsonl").read_text().splitlines()]
    assert [epoch["epoch"] for epoch in epochs] == [1, 2]
    used = load_train_settings(out / "config.yaml")
    assert (used.seed, used.head.window, used.epochs) == (3, 5, 2)
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    code, results, err = call("run", small_video, "--model", out, "--detector", "none")
    assert code == 0, err
    assert json.loads(results.splitlines()[0])["labels"] == ["background", "far", "near"]
    code, _, err = call("train", data, "--out", out, *options)
    assert code == 2
    assert "go on with it by --resume" in err
    code, again, _ = call("train", data, "--out", out, *options, "--resume")
    assert code == 0
    assert again == told


def test_the_encoder_is_trained_too(call, data, settings, small_model_path, tmp_path):
    from safetensors.torch import load_file

    code, _, _ = call(
        "train", data, "--out", tmp_path / "out", "--model", small_model_path,
        "--config", settings, "--finetune", "encoder",
    )  # fmt: skip
    assert code == 0
    name = "encoder.vit.blocks.0.attn.qkv.weight"
    before = load_file(small_model_path)[name]
    after = load_file(tmp_path / "out" / "model.safetensors")[name]
    assert not before.equal(after)
    assert before.float().sub(after.float()).abs().max() < 0.1


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--finetune", "head"), "--finetune: 'head' is not allowed: expected encoder"),
        (("--encoder", "vit_tiny_patch16_224"), "needs --encoder-weights"),
        (
            ("--encoder", "vit_tiny_patch16_224", "--encoder-weights", "W", "--image-size", "9xx"),
            "--image-size: '9xx' is not allowed: expected a side",
        ),
        (
            ("--encoder", "vit_tiny_patch16_224", "--encoder-weights", "W", "--fit", "cut"),
            "--fit: 'cut' is not allowed: expected crop, pad or stretch",
        ),
        (("--epochs", "0"), "--epochs: 0 is not allowed"),
        (("--model", "nothing"), "there is no model 'nothing'"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(call, data, tmp_path, options, complaint):
    code, _, err = call("train", data, "--out", tmp_path / "out", *options)
    assert code in (1, 2)
    assert complaint in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_ctrl_c_saves_and_says_how_to_go_on(start, data, settings, small_model_path, tmp_path):
    import signal
    import time

    out = tmp_path / "out"
    command = ("train", data, "--out", out, "--model", small_model_path, "--config", settings)
    process = start(*command, "--epochs", 100_000)
    log = out / "train.jsonl"
    while not (log.exists() and log.read_text()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert b"--resume" in err if isinstance(err, bytes) else "--resume" in err
    assert (out / "checkpoint.pt").exists()


def test_every_setting_is_documented_with_its_default(repository):
    text = (repository / "configs" / "train.yaml").read_text(encoding="utf-8")
    documented = yaml.safe_load(text)
    assert documented == TrainSettings().model_dump()
    assert load_train_settings(repository / "configs" / "train.yaml") == TrainSettings()


@pytest.fixture
def repository(request):
    """The folder of the project."""
    return request.config.rootpath


def test_an_unknown_setting_names_its_line(tmp_path):
    from vidcache.errors import ConfigError

    path = tmp_path / "train.yaml"
    path.write_text("epochs: 3\naugment:\n  noize: 0.1\n")
    with pytest.raises(ConfigError, match=r"train.yaml, line 3: unknown key 'augment.noize'"):
        load_train_settings(path)
