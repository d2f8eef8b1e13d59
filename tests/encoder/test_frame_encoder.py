import copy
import subprocess
import sys

import numpy as np
import pytest
import torch

from vidcache.encoder import FrameEncoder
from vidcache.errors import ConfigError, InputError, MissingExtraError, ModelError

timm = pytest.importorskip("timm", reason="needs the extra 'run'")


def _make_encoder(name: str = "test_vit", **settings) -> FrameEncoder:
    torch.manual_seed(0)
    settings = {"image_size": 64, "precision": "fp32", **settings}
    settings.setdefault("model_args", {"depth": 2})
    encoder = FrameEncoder(name, None, **settings)
    with torch.no_grad():
        for parameter in encoder.parameters():  # timm begins with biases and prefixes at zero
            parameter.add_(0.05 * torch.randn_like(parameter))
    return encoder


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (3, 90, 120, 3), np.uint8)


# CLS token; mean of the patches, then a norm; attention pool without a prefix; rotary positions.
_POOLINGS = ["test_vit", "test_vit2", "test_vit3", "vit_tiny_patch16_dinov3_qkvb"]


@pytest.mark.parametrize("name", _POOLINGS)
@pytest.mark.parametrize("num_tokens", [1, 2, 5, 17])
def test_the_first_token_is_what_timm_pools(name, num_tokens, pictures) -> None:
    encoder = _make_encoder(name, num_tokens=num_tokens)
    features = encoder(pictures)
    assert features.shape == (3, num_tokens, encoder.num_features)
    assert features.dtype == torch.float32
    with torch.no_grad():
        pooled = encoder.vit(encoder.preprocess(pictures))
    torch.testing.assert_close(features[:, 0], pooled)


def test_regions_are_patches_in_reading_order_without_registers(pictures) -> None:
    encoder = _make_encoder("vit_small_patch14_reg4_dinov2", image_size=56, num_tokens=16)
    with torch.no_grad():
        tokens = encoder.vit.forward_features(encoder.preprocess(pictures))
    assert tokens.shape[1] == 1 + 4 + 16
    torch.testing.assert_close(encoder(pictures), tokens[:, 5:])


def test_regions_are_normed_where_the_model_norms_after_its_mean(pictures) -> None:
    encoder = _make_encoder("test_vit2", num_tokens=2)
    features = encoder(pictures)
    torch.testing.assert_close(features[:, 0], features[:, 1])  # both the mean of all patches


@pytest.mark.parametrize("image_size", [(32, 96), (96, 48)])
def test_oblong_pictures_have_regions_too(image_size, pictures) -> None:
    encoder = _make_encoder(image_size=image_size, num_tokens=5, fit="stretch")
    assert encoder.image_size == image_size
    assert encoder(pictures).shape == (3, 5, 64)
    with torch.no_grad():
        tokens = encoder.vit.forward_features(encoder.preprocess(pictures))[:, 1:]
    rows, columns = image_size[0] // 16, image_size[1] // 16
    corner = tokens.view(3, rows, columns, -1)[:, : -(rows // -2), : -(columns // -2)]
    torch.testing.assert_close(encoder(pictures)[:, 1], corner.mean(dim=(1, 2)))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("num_tokens", [1, 5])
def test_a_picture_is_encoded_alike_alone_and_in_a_batch(precision, num_tokens, pictures) -> None:
    encoder = _make_encoder(num_tokens=num_tokens, precision=precision)
    together = encoder(pictures)
    tolerance = 1e-5 if precision == "fp32" else 0.05
    for index in range(3):
        alone = encoder(pictures[index : index + 1])[0]
        torch.testing.assert_close(alone, together[index], rtol=tolerance, atol=tolerance)


def test_pictures_of_different_sizes_equal_one_by_one(pictures) -> None:
    encoder = _make_encoder()
    mixed = [pictures[0], pictures[1, :50], pictures[2, :, :70]]
    together = encoder(mixed)
    for index, picture in enumerate(mixed):
        torch.testing.assert_close(encoder([picture])[0], together[index], rtol=1e-5, atol=1e-5)


def test_no_pictures_give_no_features() -> None:
    assert _make_encoder(num_tokens=5)([]).shape == (0, 5, 64)


def test_bf16_says_nearly_what_fp32_says(pictures) -> None:
    encoder = _make_encoder(num_tokens=5)
    expected = encoder(pictures)
    half = _make_encoder(num_tokens=5, precision="bf16")
    half.load_state_dict(encoder.state_dict())
    features = half(pictures)
    assert features.dtype == torch.float32
    assert not torch.equal(features, expected)
    assert torch.cosine_similarity(features, expected, dim=-1).min() > 0.999


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_inference_follows_training(precision, pictures) -> None:
    encoder = _make_encoder(precision=precision)
    before = encoder(pictures)
    optimiser = torch.optim.SGD(encoder.parameters(), lr=0.1)
    encoder.forward_pixels(encoder.preprocess(pictures)).square().mean().backward()
    optimiser.step()
    assert not torch.equal(encoder(pictures), before)


@pytest.mark.parametrize("assign", [False, True])
def test_bf16_inference_follows_loaded_weights(assign, pictures) -> None:
    encoder, other = _make_encoder(precision="bf16"), _make_encoder(precision="bf16")
    with torch.no_grad():
        other.vit.cls_token.add_(1.0)
    before = encoder(pictures)
    encoder.load_state_dict(copy.deepcopy(other.state_dict()), assign=assign)
    assert not torch.equal(encoder(pictures), before)
    assert torch.equal(encoder(pictures), other(pictures))


def test_an_encoder_in_float64_still_gives_float32(pictures) -> None:
    encoder = _make_encoder(num_tokens=5)
    expected = encoder(pictures)
    features = encoder.double()(pictures)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-4)


def test_forward_pixels_gives_gradients_in_fp32_and_under_autocast(pictures) -> None:
    encoder = _make_encoder(num_tokens=5, precision="bf16")
    pixels = encoder.preprocess(pictures)
    assert pixels.dtype == torch.float32
    features = encoder.forward_pixels(pixels)
    assert features.dtype == torch.float32
    features.sum().backward()
    assert all(p.grad is not None for p in encoder.parameters() if p.requires_grad)
    with torch.autocast("cpu", torch.bfloat16):
        encoder.forward_pixels(pixels).float().sum().backward()


def test_a_head_can_be_trained_on_features(pictures) -> None:
    features = _make_encoder()(pictures)
    assert not features.requires_grad
    assert not features.is_inference()
    head = torch.nn.Linear(64, 2)
    head(features).sum().backward()


def test_pixels_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(B, 3, 64, 64\)"):
        _make_encoder().forward_pixels(torch.zeros(1, 3, 64, 32))


def test_the_fingerprint_names_what_is_computed() -> None:
    encoder = _make_encoder()
    fingerprint = encoder.fingerprint()
    assert len(fingerprint) == 64
    assert _make_encoder().fingerprint() == fingerprint
    for settings in ({"num_tokens": 2}, {"fit": "pad"}, {"precision": "bf16"}, {"crop_pct": 0.5}):
        assert _make_encoder(**settings).fingerprint() != fingerprint
    with torch.no_grad():
        encoder.vit.cls_token[0, 0, 0] += 1e-3
    assert encoder.fingerprint() != fingerprint


def test_preprocessing_is_the_models_own_unless_overridden() -> None:
    own = _make_encoder("vit_base_patch16_clip_224", image_size=32).preprocessing
    assert own.mean == pytest.approx((0.48145466, 0.4578275, 0.40821073))
    assert own.interpolation == "bicubic"
    changed = _make_encoder(mean=(0.1, 0.2, 0.3), interpolation="bilinear", crop_pct=0.7)
    assert changed.preprocessing.mean == (0.1, 0.2, 0.3)
    assert changed.preprocessing.std == _make_encoder().preprocessing.std
    assert changed.preprocessing.interpolation == "bilinear"
    assert changed.preprocessing.crop_pct == 0.7


def test_the_description_names_the_format_and_its_reason() -> None:
    encoder = _make_encoder(precision="bf16", num_tokens=5)
    assert encoder.precision.name == "bf16"
    expected = "test_vit, 64x64 px (crop), 5 x 64 features, bf16 (asked for), torch (asked for)"
    assert encoder.description == expected


def test_the_models_own_size_is_the_default() -> None:
    assert FrameEncoder("test_vit", None).image_size == (160, 160)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"image_size": 70}, ConfigError, r"nearest that is is \(64, 64\)"),
        ({"num_tokens": 3}, InputError, "num_tokens is 3"),
        ({"num_tokens": 26}, InputError, "4 x 4 patches"),
        ({"precision": "fp8"}, ConfigError, "fp8"),
        ({"fit": "zoom"}, ConfigError, "zoom"),
        ({"model_args": {"nonsense": 1}}, ConfigError, "nonsense"),
        ({"model_args": {"img_size": 64}}, ConfigError, "use image_size"),
        ({"model_args": {"global_pool": ""}}, ConfigError, "pooled"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings, error, message) -> None:
    with pytest.raises(error, match=message) as caught:
        _make_encoder(**settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "test_resnet"])
@pytest.mark.parametrize("weights", [None, "hub"])
def test_a_model_without_patch_tokens_is_refused(name, weights) -> None:
    with pytest.raises(ModelError, match="no grid of patch tokens"):
        FrameEncoder(name, weights)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ModelError, match="vit_tiny_patch16_224"):
        FrameEncoder("vit_tinny_patch16_224", None)
    with pytest.raises(ModelError, match="augreg_in21k_ft_in1k"):
        FrameEncoder("vit_tiny_patch16_224.nonsense", None)


def test_without_timm_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcache\[run\]'"):
        FrameEncoder("test_vit", None)


def test_importing_the_package_does_not_load_timm() -> None:
    code = "import sys, vidcache.encoder, vidcache.model; print('timm' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
