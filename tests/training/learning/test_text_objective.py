import math

import numpy as np
import pytest
import torch

from vidcache import HeadConfig, SlidingWindow
from vidcache.errors import ConfigError, ModelError
from vidcache.head import CameraHead
from vidcache.model import ActionModelConfig, TextLabels
from vidcache.model.model_file import read_model
from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.learning.losses import LabelObjective
from vidcache.training.learning.text_objective import TextObjective
from vidcache.training.metrics import mean_average_precision
from vidcache.training.train_settings import TrainSettings
from vidcache.training.trainer import HeadTrainer

_WIDTH, _SEEN, _UNSEEN = 6, 28, 4


def _texts(count: int, **settings) -> TextLabels:
    rows = np.random.default_rng(0).standard_normal((count, _WIDTH))
    defaults = {"scale": math.log(20.0), "bias": -12.0, "activation": "sigmoid"}
    names = [f"label {number}" for number in range(count)]
    return TextLabels.from_prompts(names, list(rows), **(defaults | settings))


@pytest.fixture
def clip() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Predictions (2, 5, 6), targets of background and 3 labels, and which frames count."""
    rng = np.random.default_rng(1)
    predictions = torch.from_numpy(rng.standard_normal((2, 5, _WIDTH))).float()
    targets = torch.from_numpy(rng.integers(0, 2, (2, 5, 4))).float()
    targets[..., 0] = ~targets[..., 1:].any(dim=-1)
    return predictions, targets, torch.from_numpy(rng.random((2, 5)) < 0.7)


def test_with_a_sigmoid_it_is_the_loss_of_siglip_over_the_labels(clip) -> None:
    predictions, targets, counted = clip
    texts = _texts(3)
    objective = TextObjective(texts, LabelObjective("sigmoid"))
    signs = 2 * targets[..., 1:] - 1
    logits = texts.logits(predictions)[..., 1:]
    expected = -torch.nn.functional.logsigmoid(signs * logits)[counted].mean()
    torch.testing.assert_close(objective.loss((predictions,), targets, counted), expected)
    torch.testing.assert_close(objective.scores(predictions), texts.scores(predictions))


def test_with_a_softmax_the_background_is_the_class_of_logit_zero(clip) -> None:
    predictions, targets, counted = clip
    texts = _texts(3, activation="softmax", bias=-2.0)
    objective = TextObjective(texts, LabelObjective("softmax"))
    shares = targets / targets.sum(dim=-1, keepdim=True)
    log_scores = texts.scores(predictions).log()
    expected = -(shares * log_scores).sum(dim=-1)[counted].mean()
    torch.testing.assert_close(objective.loss((predictions,), targets, counted), expected)


def test_weights_of_labels_are_those_of_the_data_sets_labels(clip) -> None:
    predictions, targets, counted = clip
    texts = _texts(3)
    weights = torch.tensor([100.0, 1.0, 2.0, 3.0])
    weighed = TextObjective(texts, LabelObjective("sigmoid", weights))
    inner = LabelObjective("sigmoid", weights[1:])
    logits = texts.logits(predictions)[..., 1:]
    torch.testing.assert_close(
        weighed.loss((predictions,), targets, counted),
        inner.loss((logits,), targets[..., 1:], counted),
    )


def test_texts_and_labels_must_be_judged_alike() -> None:
    with pytest.raises(ConfigError, match="compared with a sigmoid, but the labels are judged"):
        TextObjective(_texts(3), LabelObjective("softmax"))


def _video(texts: TextLabels, mixing: np.ndarray, seed: int) -> EncodedVideo:
    """Frames whose features say, in an unknown way, the embedding of what they show."""
    rng = np.random.default_rng(seed)
    shown = np.repeat(rng.integers(-1, len(texts), 6), 4)
    features = np.where(shown[:, None] >= 0, texts.embeddings[shown], 0.0) @ mixing
    features += rng.normal(0, np.where(shown[:, None] >= 0, 0.1, 0.3), features.shape)
    targets = np.eye(len(texts) + 1, dtype=np.float32)[shown + 1]
    seconds = np.arange(len(shown)) / 10
    ignore = np.zeros(len(shown), bool)
    return EncodedVideo(str(seed), features[:, None].astype(np.float32), seconds, targets, ignore)


def test_labels_that_were_never_shown_are_known_by_their_texts(tmp_path) -> None:
    texts = _texts(_SEEN + _UNSEEN)
    seen, unseen = texts.select(texts.names[:_SEEN]), texts.select(texts.names[_SEEN:])
    mixing = np.random.default_rng(2).standard_normal((_WIDTH, 16))
    train = [_video(seen, mixing, seed) for seed in range(40)]
    test = [_video(unseen, mixing, 1000 + seed) for seed in range(10)]
    head = HeadConfig(
        in_features=16, width=32, depth=1, num_heads=2, num_iterations=2, num_outputs=_WIDTH,
        num_tokens=1, eviction=SlidingWindow(4),
    )  # fmt: skip
    config = ActionModelConfig(
        "test_vit", ("nothing", *seen.names), head,
        outputs="embedding", activation="sigmoid", encoder_source="external",
    )  # fmt: skip
    settings = TrainSettings.model_validate(
        {"epochs": 10, "learning_rate": 3e-3, "average": 0.9, "augment": {"drop": 0.0}}
    )
    objective = TextObjective(seen, LabelObjective("sigmoid"))
    trained = HeadTrainer(config, train, [], settings, tmp_path, objective=objective).run()
    # Whoever goes on with other texts would not go on with this training.
    others = TextObjective(_texts(_SEEN, bias=-11.0), LabelObjective("sigmoid"))
    with pytest.raises(ModelError, match="other texts"):
        HeadTrainer(config, train, [], settings, tmp_path, objective=others).resume()
    kept = read_model(tmp_path / "model.safetensors")[1]["text_labels.embeddings"]
    np.testing.assert_allclose(kept.float().numpy(), seen.embeddings, atol=1e-3)
    predictions = torch.cat([_predict(trained.head, video) for video in test])
    targets = np.concatenate([video.targets for video in test])
    scores = unseen.scores(predictions).numpy()
    assert mean_average_precision(scores, targets) > 0.8
    assert (scores.argmax(axis=1) == targets.argmax(axis=1)).mean() > 0.7
    # By the texts of other labels they are not known.
    wrong = seen.select(seen.names[:_UNSEEN]).scores(predictions).numpy()
    assert mean_average_precision(wrong, targets) < 0.5


@torch.no_grad()
def _predict(head: CameraHead, video: EncodedVideo) -> torch.Tensor:
    features = torch.from_numpy(video.features)[None]
    return head.step(features, head.init_state()).prediction[0]
