import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from vidcache import HeadConfig, SlidingWindow
from vidcache.errors import ConfigError, ModelError
from vidcache.model import ActionModel, ActionModelConfig, TextLabels

pytest.importorskip("timm", reason="needs the extra 'run'")

_HEAD = HeadConfig(
    in_features=64, width=32, depth=1, num_heads=2, num_iterations=3, num_outputs=8,
    num_tokens=5, eviction=SlidingWindow(4),
)  # fmt: skip
_CONFIG = ActionModelConfig(
    "test_vit", ("nothing",), _HEAD, image_size=(64, 64), num_tokens=5, fit="stretch",
    model_args={"depth": 1}, outputs="embedding", temperature=2.0,
)  # fmt: skip


def _texts(*names: str, seed: int = 0, width: int = 8, **settings) -> TextLabels:
    rows = np.random.default_rng(seed).standard_normal((len(names), width))
    defaults = {"scale": math.log(10.0), "bias": -1.0, "tower": "small/a"}
    return TextLabels.from_prompts(names, list(rows), **(defaults | settings))


@pytest.fixture
def model() -> ActionModel:
    torch.manual_seed(0)
    model = ActionModel(_CONFIG, precision="fp32").eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


@pytest.fixture
def features() -> torch.Tensor:
    return torch.randn(1, 9, 5, 64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_scores_compare_what_the_head_predicts_with_the_texts(model, features, activation) -> None:
    texts = _texts("wave", "clap", activation=activation)
    model.set_text_labels(texts)
    assert model.labels == ("nothing", "wave", "clap")
    assert model.config.activation == activation
    with torch.no_grad():
        scores, prediction = model(features), model.head(features).prediction
    assert scores.shape == (1, 9, 3)
    torch.testing.assert_close(scores, texts.scores(prediction, temperature=2.0))
    streamed = model.step(features, model.init_state())
    torch.testing.assert_close(streamed, scores, rtol=1e-4, atol=1e-5)


def test_labels_changed_in_a_stream_score_as_if_they_had_always_been_there(model, features) -> None:
    first, second = _texts("wave", "clap"), _texts("sit", "run", "jump", seed=1)
    model.set_text_labels(second)
    state = model.init_state()
    expected = [model.step(features[:, t : t + 1], state) for t in range(9)]
    model.set_text_labels(first)
    state = model.init_state()
    for t in range(9):
        if t == 5:
            model.set_text_labels(second)
        scores = model.step(features[:, t : t + 1], state)
        if t >= 5:
            assert torch.equal(scores, expected[t])


def test_a_saved_model_has_its_texts(model, features, tmp_path) -> None:
    texts = _texts("wave", "clap")
    model.set_text_labels(texts)
    model.save(tmp_path / "full.safetensors", dtype=torch.float32)
    loaded = ActionModel.load(tmp_path / "full.safetensors", precision="fp32")
    assert loaded.config == model.config
    assert loaded.text_labels is not None
    assert loaded.text_labels.fingerprint() == texts.fingerprint()
    state, again = model.init_state(), loaded.init_state()
    assert torch.equal(loaded.step(features, again), model.step(features, state))
    model.save(tmp_path / "half.safetensors")
    half = ActionModel.load(tmp_path / "half.safetensors", precision="fp32")
    np.testing.assert_allclose(half.text_labels.embeddings, texts.embeddings, atol=1e-3)


def test_a_model_of_plain_labels_has_no_texts_and_takes_none() -> None:
    plain = replace(_CONFIG, labels=tuple("abcdefgh"), outputs="labels")
    model = ActionModel(plain, precision="fp32")
    assert model.text_labels is None
    with pytest.raises(ConfigError, match="and no others: to choose labels by text"):
        model.set_text_labels(_texts("wave"))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (_texts("wave", width=9), "9 wide, but the head predicts embeddings of 8"),
        (_texts("wave", tower="large/b"), "made by large/b, but the head was trained towards"),
        (_texts("wave", "nothing"), "a text label is called 'nothing'"),
    ],
)
def test_texts_that_the_head_does_not_know_are_refused(model, texts, message) -> None:
    model.set_text_labels(_texts("clap"))
    with pytest.raises(ConfigError, match=message):
        model.set_text_labels(texts)
    assert model.labels == ("nothing", "clap")


def test_texts_of_a_tower_that_nobody_knows_are_taken(model) -> None:
    model.set_text_labels(_texts("clap"))
    model.set_text_labels(_texts("wave", tower=""))
    assert model.config.text_tower == "small/a"


def test_without_texts_there_is_nothing_to_score(model, features) -> None:
    with pytest.raises(ConfigError, match="call set_text_labels first"):
        model.step(features, model.init_state())


def test_a_file_whose_texts_are_not_its_labels_is_refused(model, tmp_path) -> None:
    from vidcache.model.model_file import write_model

    model.set_text_labels(_texts("wave", "clap"))
    tensors = model.state_dict() | {"text_labels.embeddings": torch.eye(3, 8)}
    write_model(tmp_path / "odd.safetensors", model.config, tensors, torch.float32)
    with pytest.raises(ModelError, match=r"cannot be used: there are 2 names"):
        ActionModel.load(tmp_path / "odd.safetensors")


def test_the_card_says_what_labels_are_compared_by(model) -> None:
    model.set_text_labels(_texts("wave", "clap"))
    assert "labels      nothing, wave, clap" in model.summary()
    assert "embeddings of width 8, by small/a: sigmoid of 10 x cosine -1" in model.summary()
