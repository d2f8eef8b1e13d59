import os
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from vidcache.encoder import FrameEncoder
from vidcache.errors import ModelError

timm = pytest.importorskip("timm", reason="needs the extra 'run'")

_ASSETS = Path(
    os.environ.get("VIDCACHE_TEST_ASSETS") or Path(__file__).parents[2].parent / "shared" / "assets"
)


@pytest.fixture
def vit() -> torch.nn.Module:
    torch.manual_seed(1)
    vit = timm.create_model("test_vit", num_classes=10).eval()
    with torch.no_grad():
        vit.pos_embed.normal_()
    return vit


def _encode(weights, **settings) -> torch.Tensor:
    settings = {"precision": "fp32", "num_tokens": 5, **settings}
    picture = np.random.default_rng(0).integers(0, 255, (1, 100, 100, 3), np.uint8)
    return FrameEncoder("test_vit", weights, **settings)(picture)


def test_a_file_of_either_kind_is_loaded_without_its_classifier(vit, tmp_path) -> None:
    save_file(vit.state_dict(), tmp_path / "vit.safetensors")
    torch.save(vit.state_dict(), tmp_path / "vit.pth")
    torch.save({"state_dict": vit.state_dict(), "epoch": 3}, tmp_path / "checkpoint.pth")
    expected = _encode(tmp_path / "vit.safetensors")
    pixels = FrameEncoder("test_vit", None).preprocess(
        np.random.default_rng(0).integers(0, 255, (1, 100, 100, 3), np.uint8)
    )
    with torch.no_grad():
        torch.testing.assert_close(expected[:, 0], vit.forward_features(pixels)[:, 0])
    assert torch.equal(_encode(str(tmp_path / "vit.pth")), expected)
    assert torch.equal(_encode(tmp_path / "checkpoint.pth"), expected)


def test_a_half_precision_file_is_computed_in_fp32(vit, tmp_path) -> None:
    half = {key: tensor.half() for key, tensor in vit.state_dict().items()}
    save_file(half, tmp_path / "half.safetensors")
    encoder = FrameEncoder("test_vit", tmp_path / "half.safetensors")
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}
    assert torch.equal(encoder.vit.pos_embed, vit.pos_embed.half().float())


def test_a_position_embedding_of_another_size_is_resampled(vit, tmp_path) -> None:
    from timm.layers import resample_abs_pos_embed

    save_file(vit.state_dict(), tmp_path / "vit.safetensors")
    encoder = FrameEncoder("test_vit", tmp_path / "vit.safetensors", image_size=(64, 96))
    expected = resample_abs_pos_embed(vit.pos_embed.detach(), new_size=[4, 6])
    torch.testing.assert_close(encoder.vit.pos_embed.detach(), expected)


def test_weights_do_not_stay_in_memory_twice(vit, tmp_path) -> None:
    save_file(vit.state_dict(), tmp_path / "vit.safetensors")
    encoder = FrameEncoder("test_vit", tmp_path / "vit.safetensors")
    assert not encoder.vit.pretrained_cfg.get("state_dict")


@pytest.mark.parametrize("change", ["missing", "extra", "shape", "other model"])
def test_weights_that_do_not_fit_are_refused(vit, change, tmp_path) -> None:
    tensors = vit.state_dict()
    if change == "missing":
        del tensors["blocks.2.mlp.fc1.weight"]
    elif change == "extra":
        tensors["blocks.9.mlp.fc1.weight"] = torch.zeros(2)
    elif change == "shape":
        tensors["norm.weight"] = torch.zeros(3)
    else:
        tensors = timm.create_model("test_resnet").state_dict()
    save_file(tensors, tmp_path / "vit.safetensors")
    with pytest.raises(ModelError, match=r"vit\.safetensors do not fit test_vit") as caught:
        _encode(tmp_path / "vit.safetensors")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_damaged_file_is_refused(vit, suffix, tmp_path) -> None:
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".pth":
        torch.save(vit.state_dict(), whole)
    else:
        save_file(vit.state_dict(), whole)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(ModelError, match="cannot be read"):
        _encode(cut)
    cut.write_bytes(b"")
    with pytest.raises(ModelError, match="cannot be read"):
        _encode(cut)


class _Harmful:
    def __init__(self, target) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


def test_a_file_that_would_run_code_is_refused(tmp_path) -> None:
    torch.save(_Harmful(str(tmp_path / "made")), tmp_path / "pickled.pth")
    with pytest.raises(ModelError, match="no file of weights only"):
        _encode(tmp_path / "pickled.pth")
    assert not (tmp_path / "made").exists()


def test_a_missing_file_is_refused(tmp_path) -> None:
    with pytest.raises(ModelError, match="there is no weights file"):
        _encode(tmp_path / "nowhere.safetensors")


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Sets the hub's address, and an empty cache."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return lambda endpoint: monkeypatch.setattr(constants, "ENDPOINT", endpoint)


def _check_cannot_be_fetched(endpoint: str) -> None:
    with pytest.raises(ModelError, match="weights of test_vit could not be fetched") as caught:
        _encode("hub")
    assert endpoint in str(caught.value)
    assert "weights=PATH" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_hub_that_refuses_is_one_line(hub) -> None:
    with socket.socket() as free:  # a port that nobody listens on
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    hub(endpoint)
    _check_cannot_be_fetched(endpoint)


def test_a_hub_that_never_answers_is_given_up(hub) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        hub(endpoint)
        _check_cannot_be_fetched(endpoint)


def test_weights_fetched_before_need_no_hub(hub, vit, tmp_path) -> None:
    hub("http://127.0.0.1:9")
    repository = tmp_path / "models--timm--test_vit.r160_in1k"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    save_file(vit.state_dict(), snapshot / "model.safetensors")
    assert torch.equal(_encode("hub"), _encode(snapshot / "model.safetensors"))


@pytest.mark.skipif(
    not (_ASSETS / "models" / "dinov2_vits14_fp16.safetensors").is_file(),
    reason="needs models/dinov2_vits14_fp16.safetensors in VIDCACHE_TEST_ASSETS",
)
def test_a_real_dinov2_is_loaded_and_resampled() -> None:
    path = _ASSETS / "models" / "dinov2_vits14_fp16.safetensors"
    name = "vit_small_patch14_dinov2"
    encoder = FrameEncoder(name, path, image_size=224, num_tokens=17, precision="fp32")
    ours = FrameEncoder(name, path, image_size=224, num_tokens=17, precision="bf16")
    reference = timm.create_model(name, num_classes=0, img_size=518, dynamic_img_size=True).eval()
    reference.load_state_dict({key: value.float() for key, value in load_file(path).items()})
    pictures = np.random.default_rng(0).integers(0, 255, (1, 240, 320, 3), np.uint8)
    features = encoder(pictures)
    with torch.no_grad():
        expected = reference(encoder.preprocess(pictures))
    torch.testing.assert_close(features[:, 0], expected, rtol=1e-3, atol=1e-3)
    assert torch.cosine_similarity(ours(pictures), features, dim=-1).min() > 0.99
