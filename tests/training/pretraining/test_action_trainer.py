import importlib.util

import pytest
import torch

from vidcache.encoder import FrameEncoder
from vidcache.errors import ConfigError, ModelError
from vidcache.head import CameraHead, HeadConfig
from vidcache.training.learning.stages import Budget, Stage
from vidcache.training.pretraining.action_trainer import ActionTrainer, averaged_weights
from vidcache.training.pretraining.encoded_streams import (
    StreamSettings,
    encode_streams,
    stream_predictions,
)
from vidcache.training.synthetic import LABELS, ClipSettings

pytest.importorskip("cv2")
pytest.importorskip("timm")
if importlib.util.find_spec("pybullet_data") is None:
    pytest.skip("the package pybullet is not installed", allow_module_level=True)

STILLS = ClipSettings(num_frames=2, frame_rates=(1.0, 2.0), image_size=(32, 48))
CLIPS = ClipSettings(num_frames=4, frame_rates=(6.0, 12.0), image_size=(32, 48))
STAGES = (
    Stage(0.4, STILLS, 2, encoder_rate=1e-3, head_rate=0.0),
    Stage(0.3, CLIPS, 2, encoder_rate=1e-3, head_rate=1e-3, warm_up_frames=1),
    Stage(0.3, CLIPS, 2, encoder_rate=0.0, head_rate=1e-3),
)


def tiny_trainer(stages=STAGES, **budget):
    torch.manual_seed(0)
    encoder = FrameEncoder(
        "vit_tiny_patch16_224",
        None,
        image_size=(32, 48),
        num_tokens=5,
        precision="fp32",
        fit="stretch",
        model_args={"depth": 1, "embed_dim": 24, "num_heads": 2},
    )
    head = CameraHead(
        HeadConfig(
            in_features=24,
            width=24,
            depth=1,
            num_heads=2,
            num_iterations=2,
            num_outputs=len(LABELS),
            num_tokens=5,
            positions="seconds",
            layer_scale=0.3,
        )
    )
    return ActionTrainer(encoder, head, stages, Budget(**budget), bf16=False, num_workers=0)


def test_training_lowers_every_loss():
    only = (Stage(1.0, CLIPS, 2, encoder_rate=3e-3, head_rate=3e-3, warm_up_frames=0),)
    trainer = tiny_trainer(only, steps=30)
    # The same clips in every step: a model that learns at all must learn these by heart.
    batch = next(trainer._batches(0))
    trainer._batches = lambda _index: iter(lambda: batch, None)
    reports = []
    trainer.run(reports.append)
    for name in ("patches", "figure", "still", "actions"):
        assert reports[-1][name] < 0.8 * reports[0][name], name


def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(tmp_path):
    whole = tiny_trainer(steps=10)
    whole.run(lambda facts: None)
    for stop in (2, 5, 8):
        begun = tiny_trainer(steps=10)
        begun.run(lambda facts: None, stop_after=stop, checkpoint=tmp_path / "checkpoint.pt")
        assert begun.step == stop
        saved = averaged_weights(tmp_path / "checkpoint.pt")
        assert saved.keys() == {"encoder", "head"}
        resumed = tiny_trainer(steps=10)
        resumed.load(tmp_path / "checkpoint.pt")
        resumed.run(lambda facts: None)
        for part in ("encoder", "head"):
            for name, value in whole.averaged[part].items():
                assert torch.equal(value, resumed.averaged[part][name]), name


def test_stages_train_what_they_say():
    trainer = tiny_trainer(steps=10)
    snapshots, reports = {}, []

    def report(facts):
        reports.append(facts)
        snapshots[facts["stage"]] = {
            "encoder": trainer.encoder.vit.patch_embed.proj.weight.clone(),
            "head": trainer.head.embed_prediction.weight.clone(),
        }

    initial = trainer.head.embed_prediction.weight.clone()
    trainer.run(report)
    assert [facts["stage"] for facts in reports] == [0] * 4 + [1] * 3 + [2] * 3
    assert torch.equal(snapshots[0]["head"], initial)
    assert not torch.equal(snapshots[1]["head"], initial)
    assert not torch.equal(snapshots[1]["encoder"], snapshots[0]["encoder"])
    assert torch.equal(snapshots[2]["encoder"], snapshots[1]["encoder"])
    assert not torch.equal(snapshots[2]["head"], snapshots[1]["head"])


def test_a_training_by_the_clock_ends(tmp_path):
    trainer = tiny_trainer(minutes=0.01)
    trainer.run(lambda facts: None, checkpoint=tmp_path / "checkpoint.pt")
    assert trainer.step >= 1
    assert trainer.seconds >= 0.6


def test_a_budget_is_steps_or_minutes():
    with pytest.raises(ConfigError, match="exactly one"):
        Budget()
    with pytest.raises(ConfigError, match="exactly one"):
        Budget(steps=3, minutes=2.0)


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    path = tmp_path / "checkpoint.pt"
    torch.save({"weights": {}}, path)
    with pytest.raises(ModelError, match="no checkpoint of this training"):
        tiny_trainer(steps=1).load(path)
    with pytest.raises(ModelError, match="no checkpoint"):
        averaged_weights(tmp_path / "missing.pt")


def test_streamed_predictions_are_those_of_whole_clips():
    trainer = tiny_trainer(steps=1)
    settings = StreamSettings("test", num_streams=3, num_frames=5)
    streams = encode_streams(trainer.encoder, settings, num_workers=0)
    assert streams.features.shape == (3, 5, 5, 24)
    streamed = stream_predictions(trainer.head, streams, streams_at_once=2)
    clip = trainer.head(streams.features.float(), streams.seconds)
    assert torch.allclose(streamed, torch.stack(clip.iterations), atol=1e-5)
