import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from labelled_motion import make_motion_videos
from safetensors.torch import load_file
from train_to_the_end import SETTINGS, make_trainer

from vidcache.errors import ConfigError, InputError, ModelError
from vidcache.model import ActionModelConfig
from vidcache.model.model_file import read_config
from vidcache.training.train_settings import TrainSettings
from vidcache.training.trainer import HeadTrainer

SCRIPT = Path(__file__).parents[1] / "train_to_the_end.py"


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that nothing interrupted, and its folder."""
    out = tmp_path_factory.mktemp("whole")
    return make_trainer(out).run(), out


def test_a_head_learns_what_only_time_tells(whole):
    trained, _ = whole
    best = trained.end.best
    assert best is not None
    assert best.mean_average_precision > 0.75
    assert trained.end.epochs[0].loss > trained.end.epochs[-1].loss


def test_the_folder_holds_the_model_its_log_and_its_settings(whole):
    trained, out = whole
    lines = [json.loads(line) for line in (out / "train.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [epoch.epoch for epoch in trained.end.epochs]
    settings = yaml.safe_load((out / "config.yaml").read_text())
    assert TrainSettings.model_validate(settings) == SETTINGS
    config = read_config(out / "model.safetensors")
    assert config.labels == ("rest", "left", "right")
    assert config.about["epochs"] == trained.end.best.epoch
    weights = load_file(out / "model.safetensors")
    assert all(name.startswith("head.") for name in weights)
    stored = weights["head.modulation.weight"].float()
    assert torch.allclose(stored, trained.head.modulation.weight, atol=1e-3)


def test_a_killed_training_ends_with_the_weights_of_one_that_was_not(whole, tmp_path):
    _, finished = whole
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    rng = random.Random()
    kills = 0
    for _ in range(40):
        process = subprocess.Popen(
            [sys.executable, SCRIPT, tmp_path], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        # Between any two steps, or within one: after a number of steps, and then a moment.
        steps = rng.randrange(4, 40) if kills < 2 else 10_000
        for _, line in zip(range(steps), process.stdout, strict=False):
            assert line.strip()
        if kills >= 2:
            assert process.wait() == 0
            break
        process.send_signal(signal.SIGKILL)
        process.stdout.close()
        kills += process.wait() == -signal.SIGKILL
    assert kills >= 1
    once = torch.load(finished / "checkpoint.pt", weights_only=True)
    killed = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    for part in ("weights", "averaged", "best"):
        for name, value in once[part].items():
            assert torch.equal(value, killed[part][name]), (part, name)
    assert once["step"] == killed["step"]
    model, other = (load_file(folder / "model.safetensors") for folder in (finished, tmp_path))
    assert all(torch.equal(value, other[name]) for name, value in model.items())
    logs = [
        [json.loads(line)["loss"] for line in (folder / "train.jsonl").read_text().splitlines()]
        for folder in (finished, tmp_path)
    ]
    assert logs[0] == logs[1]


def test_a_stopped_training_goes_on(whole, tmp_path):
    trained, _ = whole
    trainer = make_trainer(tmp_path)
    stopped = trainer.run(on_step=lambda done, total: done < 21 or trainer.stop())
    assert stopped.end.reason == "stopped"
    assert stopped.path is None
    again = make_trainer(tmp_path)
    assert len(again.resume()) == 2
    finished = again.run()
    for name, value in trained.head.state_dict().items():
        assert torch.equal(value, finished.head.state_dict()[name]), name


def test_a_finished_training_is_not_trained_further(whole):
    trained, out = whole
    again = make_trainer(out)
    assert again.resume() == trained.end.epochs
    steps = []
    assert again.run(on_step=lambda done, total: steps.append(done)).end == trained.end
    assert steps == []


def test_a_checkpoint_of_other_settings_is_refused(whole, tmp_path):
    _, out = whole
    other = make_trainer(out, SETTINGS.model_copy(update={"seed": 6}))
    with pytest.raises(ModelError, match="other first weights, settings"):
        other.resume()
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match="no checkpoint of a training"):
        make_trainer(tmp_path).resume()


def test_training_ends_when_validation_gets_no_better(tmp_path):
    # At this rate nothing is learnt, so that no epoch is better than the first.
    settings = SETTINGS.model_copy(update={"learning_rate": 1e-12, "patience": 2, "average": 0.0})
    trained = make_trainer(tmp_path, settings).run()
    assert trained.end.reason == "patience"
    assert len(trained.end.epochs) < SETTINGS.epochs


def test_minutes_decide_about_the_number_of_epochs(tmp_path):
    trainer = make_trainer(tmp_path, SETTINGS.model_copy(update={"minutes": 0.002}))
    trained = trainer.run()
    assert 1 <= trainer.num_epochs == len(trained.end.epochs)
    again = make_trainer(tmp_path, SETTINGS.model_copy(update={"minutes": 0.002}))
    again.resume()
    assert again.num_epochs == trainer.num_epochs


def test_several_labels_at_once_are_learnt_by_themselves(tmp_path):
    trainer = make_trainer(tmp_path, activation="sigmoid")
    trained = trainer.run()
    assert trained.end.best.mean_average_precision > 0.6
    assert read_config(trained.path).activation == "sigmoid"


def test_without_validation_the_last_weights_are_kept(tmp_path):
    videos = make_motion_videos(6)
    config = read_settings()
    trainer = HeadTrainer(config, videos, [], SETTINGS.model_copy(update={"epochs": 2}), tmp_path)
    trained = trainer.run()
    assert trained.end.best.epoch == 2
    assert np.isnan(trained.end.best.mean_average_precision)
    assert json.loads((tmp_path / "train.jsonl").read_text().splitlines()[0])["accuracy"] is None


def test_the_global_random_numbers_are_left_alone(tmp_path):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    make_trainer(tmp_path, SETTINGS.model_copy(update={"epochs": 1})).run()
    assert torch.equal(torch.rand(3), expected)


def read_settings() -> ActionModelConfig:
    return make_trainer("unused")._config


def test_videos_that_do_not_fit_the_model_are_refused(tmp_path):
    config = read_settings()
    with pytest.raises(InputError, match="1 x 6 features"):
        HeadTrainer(config, make_motion_videos(1, num_tokens=1), [], SETTINGS, tmp_path)
    video = make_motion_videos(1)[0]
    object.__setattr__(video, "targets", video.targets[:, :2])
    with pytest.raises(InputError, match="2 columns of targets"):
        HeadTrainer(config, [video], [], SETTINGS, tmp_path)


def test_settings_alone_are_not_enough_for_a_file_with_an_encoder(tmp_path):
    from dataclasses import replace

    config = replace(read_settings(), encoder_source="file")
    with pytest.raises(ConfigError, match="ActionModel itself"):
        HeadTrainer(config, make_motion_videos(1), [], SETTINGS, tmp_path)


def test_an_unfinished_log_line_of_a_killed_epoch_is_gone_after_resuming(tmp_path):
    settings = SETTINGS.model_copy(update={"epochs": 2})
    make_trainer(tmp_path, settings).run()
    log = tmp_path / "train.jsonl"
    log.write_text(log.read_text() + '{"epoch": 3, "lo')
    again = make_trainer(tmp_path, settings)
    again.resume()
    again.run()
    assert len(log.read_text().splitlines()) == 2
