"""Every engine gives the same features, follows the weights, and serves several threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from vidcache.encoder import FrameEncoder
from vidcache.errors import ConfigError, MissingExtraError
from vidcache.runtime import engines

OTHERS = ["openvino", "onnx"]


def make(engine, precision="fp32", **settings):
    for package in {"openvino": ["openvino"], "onnx": ["onnxruntime", "onnx"]}.get(engine, []):
        pytest.importorskip(package)
    torch.manual_seed(3)
    return FrameEncoder(
        "vit_tiny_patch16_224", None, image_size=64, num_tokens=5,
        precision=precision, engine=engine, **settings,
    ).eval()  # fmt: skip


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 255, (5, 70, 90, 3), np.uint8)


@pytest.mark.parametrize("engine", OTHERS)
def test_an_engine_gives_the_features_of_torch(images, engine):
    expected = make("torch")(images)
    features = make(engine)(images)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features, expected, rtol=1e-3, atol=1e-4)
    boxes = np.array([[3.0, 4.0, 30.0, 60.0]])
    torch.testing.assert_close(
        make(engine).regions(images[0], boxes), make("torch").regions(images[0], boxes),
        rtol=1e-3, atol=1e-4,
    )  # fmt: skip


@pytest.mark.parametrize("engine", OTHERS)
def test_a_picture_has_the_same_features_whatever_is_beside_it(images, engine):
    encoder = make(engine)
    alone = torch.cat([encoder(images[at : at + 1]) for at in range(5)])
    torch.testing.assert_close(encoder(images), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("engine", OTHERS)
def test_changed_weights_are_noticed(images, engine):
    encoder = make(engine)
    before = encoder(images)
    with torch.no_grad():
        encoder.vit.norm.bias += 1.0
    torch.testing.assert_close(encoder(images)[:, 0], before[:, 0] + 1.0, rtol=1e-3, atol=1e-4)
    encoder.load_state_dict(make("torch").state_dict())
    torch.testing.assert_close(encoder(images), before, rtol=1e-3, atol=1e-4)


def test_openvino_in_bf16_is_near_fp32(images):
    exact, quick = make("torch")(images), make("openvino", "bf16")(images)
    assert not torch.equal(exact, quick)
    assert torch.cosine_similarity(exact, quick, dim=-1).min() > 0.995


@pytest.mark.parametrize("engine", ["torch", *OTHERS])
def test_threads_share_an_encoder(images, engine):
    encoder = make(engine)
    expected = encoder(images)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: encoder(images, num_threads=1), range(12)))
    for features in found:
        torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("engine", OTHERS)
def test_threads_may_be_the_first_to_ask(images, engine):
    encoder = make(engine)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: encoder(images[:1], num_threads=1), range(4)))
    assert all(torch.equal(features, found[0]) for features in found)


def test_features_of_an_engine_may_be_trained_on(images):
    layer = torch.nn.Linear(192, 1)
    layer(make("openvino")(images)).sum().backward()
    assert layer.weight.grad is not None


def test_the_fingerprint_tells_engines_apart_but_leaves_torch_as_it_was():
    assert make("torch").fingerprint() != make("openvino").fingerprint()


def test_auto_takes_one_that_is_there_and_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv("VIDCACHE_CACHE", str(tmp_path))
    encoder = make("auto")
    assert encoder.engine.name in engines.ENGINES
    assert "measured" in encoder.engine.reason
    assert (tmp_path / "fastest.json").exists()


def test_auto_without_other_packages_is_torch(monkeypatch, images):
    monkeypatch.setattr("vidcache.encoder.feature_engine.can_trace", lambda name: False)
    encoder = make("auto")
    assert encoder.engine.name == "torch"
    assert torch.equal(encoder(images), make("torch")(images))


def test_an_unknown_engine_and_a_missing_one_are_refused(monkeypatch):
    with pytest.raises(ConfigError, match="the engine is 'tensorrt', expected auto, torch"):
        make("tensorrt")
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcache\[openvino\]'"):
        FrameEncoder("vit_tiny_patch16_224", None, image_size=64, engine="openvino")
