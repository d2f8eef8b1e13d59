import dataclasses
import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from vidcache import HeadConfig, SlidingWindow
from vidcache.encoder.bundled import find_bundled_models
from vidcache.errors import ConfigError, ModelError
from vidcache.model import ActionModel, ActionModelConfig

pytest.importorskip("timm", reason="needs the extra 'run'")

_HEAD = HeadConfig(
    in_features=64, width=32, depth=2, num_heads=2, num_iterations=2, num_outputs=3,
    num_tokens=5, eviction=SlidingWindow(4),
)  # fmt: skip
_CONFIG = ActionModelConfig(
    "test_vit", ("nobody", "stand", "walk"), _HEAD,
    image_size=(64, 64), num_tokens=5, fit="stretch", model_args={"depth": 2},
    temperature=2.0, threshold=0.6, about={"data": "renders", "scores": {"map": 0.51239}},
)  # fmt: skip


@pytest.fixture
def model() -> ActionModel:
    torch.manual_seed(0)
    model = ActionModel(_CONFIG, precision="fp32").eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (9, 60, 80, 3), np.uint8)


def test_streaming_gives_what_the_clip_gives(model, pictures) -> None:
    features = model.encode(pictures)
    assert features.shape == (9, 5, 64)
    with torch.no_grad():
        clip = model(features[None])
    state = model.init_state()
    pieces = [model.step(features[None, start : start + 2], state) for start in range(0, 9, 2)]
    torch.testing.assert_close(torch.cat(pieces, dim=1), clip, rtol=1e-4, atol=1e-5)


def test_scores_are_calibrated_probabilities(model, pictures) -> None:
    features = model.encode(pictures)[None]
    scores = model.step(features, model.init_state())
    assert scores.shape == (1, 9, 3)
    torch.testing.assert_close(scores.sum(dim=-1), torch.ones(1, 9))
    with torch.no_grad():
        logits = model.head(features).prediction
    torch.testing.assert_close(scores, (logits / 2.0).softmax(dim=-1), rtol=1e-4, atol=1e-5)


def test_scores_of_several_labels_at_once_are_each_a_probability(pictures) -> None:
    model = ActionModel(dataclasses.replace(_CONFIG, activation="sigmoid"), precision="fp32").eval()
    features = model.encode(pictures)[None]
    with torch.no_grad():
        expected = (model.head(features).prediction / 2.0).sigmoid()
    scores = model.step(features, model.init_state())
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-5)


def test_a_saved_model_is_loaded_to_the_bit(model, pictures, tmp_path) -> None:
    model.save(tmp_path / "model.safetensors", dtype=torch.float32)
    loaded = ActionModel.load(tmp_path / "model.safetensors", precision="fp32")
    assert loaded.config == model.config
    assert not loaded.training
    features = model.encode(pictures)
    assert torch.equal(loaded.encode(pictures), features)
    expected = model.step(features[None], model.init_state())
    assert torch.equal(loaded.step(features[None], loaded.init_state()), expected)


def test_half_precision_files_are_half_as_big_and_nearly_equal(model, pictures, tmp_path) -> None:
    half, full = tmp_path / "half.safetensors", tmp_path / "full.safetensors"
    model.save(half)
    model.save(full, dtype=torch.float32)
    num_parameters = sum(parameter.numel() for parameter in model.parameters())
    saved_bytes = full.stat().st_size - half.stat().st_size
    assert saved_bytes == pytest.approx(2 * num_parameters, rel=0.01)
    loaded = ActionModel.load(half, precision="fp32")
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    torch.testing.assert_close(
        loaded.encode(pictures), model.encode(pictures), rtol=0.02, atol=0.02
    )


def test_settings_inside_say_everything_that_timm_chose(model, tmp_path) -> None:
    model.save(tmp_path / "model.safetensors")
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        settings = json.loads(file.metadata()["config"])
    assert settings["labels"] == ["nobody", "stand", "walk"]
    assert settings["mean"] == list(model.encoder.preprocessing.mean)
    assert settings["interpolation"] == "bicubic"
    assert settings["crop_pct"] == 0.95
    assert settings["head"]["eviction"] == {"policy": "SlidingWindow", "window": 4}


def test_calibration_is_written_after_training(model, tmp_path) -> None:
    model.config = dataclasses.replace(model.config, temperature=1.25, threshold=0.4, about={})
    assert (model.temperature, model.threshold) == (1.25, 0.4)
    model.save(tmp_path / "model.safetensors")
    assert ActionModel.load(tmp_path / "model.safetensors").config == model.config
    with pytest.raises(ConfigError, match="temperature, threshold, about"):
        model.config = dataclasses.replace(model.config, fit="pad")


def test_a_failed_save_leaves_the_old_file_and_nothing_else(model, tmp_path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"old")
    with torch.no_grad():
        model.head.empty_prediction.fill_(1e6)
    with pytest.raises(ModelError, match=r"empty_prediction is not finite in torch\.float16"):
        model.save(path)
    with pytest.raises(ModelError, match="cannot write"):
        model.save(tmp_path / "no folder" / "model.safetensors", dtype=torch.float32)
    model.config = dataclasses.replace(model.config, about={"when": object()})
    with pytest.raises(ModelError, match="JSON"):
        model.save(path, dtype=torch.float32)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.safetensors"]


def test_an_encoder_may_begin_with_an_action_models(model, tmp_path) -> None:
    model.save(tmp_path / "model.safetensors", dtype=torch.float32)
    begun = ActionModel(_CONFIG, encoder_weights=tmp_path / "model.safetensors")
    theirs = model.encoder.state_dict()
    assert all(torch.equal(theirs[key], value) for key, value in begun.encoder.state_dict().items())


def test_a_head_for_other_features_is_refused() -> None:
    head = dataclasses.replace(_HEAD, in_features=192)
    with pytest.raises(ConfigError, match="in_features is 192, but test_vit gives 64"):
        ActionModel(dataclasses.replace(_CONFIG, head=head))


def test_an_unknown_model_lists_the_bundled_ones() -> None:
    with pytest.raises(ModelError, match="no model 'tinny'") as caught:
        ActionModel.load("tinny")
    assert all(name in str(caught.value) for name in find_bundled_models())


def test_a_missing_file_is_refused(tmp_path) -> None:
    with pytest.raises(ModelError, match="no model file"):
        ActionModel.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.999])
def test_a_cut_file_is_refused(model, keep, tmp_path) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(ModelError, match="cannot be read") as caught:
        ActionModel.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "no action model of vidcache"),
        ({"format": "other"}, "no action model of vidcache"),
        ({"version": "2"}, "format 2, but this vidcache reads format 1"),
        ({"config": "{"}, "settings"),
        ({"config": '{"encoder": "test_vit", "colour": 1}'}, "unknown model setting 'colour'"),
    ],
)
def test_files_of_another_kind_are_refused(model, metadata, message, tmp_path) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path)
    with safe_open(path, framework="pt") as file:
        original = file.metadata()
    changed = None if metadata is None else {**original, **metadata}
    save_file(model.state_dict(), path, changed)
    with pytest.raises(ModelError, match=message):
        ActionModel.load(path)


def test_a_file_without_some_weight_is_refused(model, tmp_path) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = model.state_dict()
    del tensors["head.empty_prediction"]
    save_file(tensors, path, metadata)
    with pytest.raises(ModelError, match="empty_prediction") as caught:
        ActionModel.load(path)
    assert "\n" not in str(caught.value)


def test_the_summary_tells_sizes_labels_and_training(model) -> None:
    summary = model.summary()
    nbytes = model.head.config.predict_nbytes(batch_size=1)
    assert f"{nbytes / 2**10:.1f} KiB a stream" in summary
    assert "nobody, stand, walk" in summary
    assert "scores.map  0.5124" in summary
    assert "temperature 2, unsure below 0.6" in summary
    assert "fp32 (asked for)" in summary


def test_the_bundled_model_labels_pictures(pictures) -> None:
    model = ActionModel.load("tiny")
    assert model.labels[:2] == ("nobody", "stand")
    seconds = torch.arange(9, dtype=torch.float64)[None] / 10
    scores = model.step(model.encode(pictures)[None], model.init_state(), seconds)
    torch.testing.assert_close(scores.sum(dim=-1), torch.ones(1, 9))


def test_a_head_of_one_long_token_reads_the_tokens_of_a_frame_joined(pictures) -> None:
    head = dataclasses.replace(_HEAD, num_tokens=1, in_features=5 * 64)
    model = ActionModel(dataclasses.replace(_CONFIG, head=head), precision="fp32").eval()
    features = model.encode(pictures)[None]
    with torch.no_grad():
        expected = model.head(features.flatten(2)).prediction
        assert torch.equal(model.head(features).prediction, expected)
    scores = model.step(features, model.init_state())
    torch.testing.assert_close(scores, (expected / 2.0).softmax(dim=-1), rtol=1e-4, atol=1e-5)
