import pytest
import torch

from vidcache.cache import SinkWindow, SlidingWindow, TimeWindow
from vidcache.errors import ConfigError
from vidcache.training.train_settings import HeadSettings, TrainSettings
from vidcache.training.training_model import head_config, model_of_encoder, model_on_model

LABELS = ("background", "wave")


def test_the_encoder_is_kept_and_the_head_is_new(small_model):
    settings = TrainSettings.model_validate({"seed": 4, "head": {"width": 16, "num_heads": 2}})
    model = model_on_model(small_model, LABELS, settings, multi_label=True)
    again = model_on_model(small_model, LABELS, settings, multi_label=True)
    assert model.encoder.fingerprint() == small_model.encoder.fingerprint()
    assert model.head.fingerprint() == again.head.fingerprint()
    assert (model.labels, model.config.activation) == (LABELS, "sigmoid")
    assert model.temperature == 1.0
    other = TrainSettings.model_validate({"seed": 5, "head": {"width": 16, "num_heads": 2}})
    changed = model_on_model(small_model, LABELS, other, multi_label=True)
    assert changed.head.fingerprint() != model.head.fingerprint()


@pytest.mark.parametrize(("joined", "shape"), [(True, (1, 5 * 192)), (False, (5, 192))])
def test_tokens_are_joined_or_attended_to(joined, shape):
    settings = TrainSettings.model_validate({"head": {"join_tokens": joined}})
    model = model_of_encoder(
        "vit_tiny_patch16_224",
        None,
        LABELS,
        settings,
        multi_label=False,
        image_size=(32, 48),
        fit="stretch",
        num_tokens=5,
    )
    head = model.config.head
    assert (model.config.image_size, model.config.fit) == ((32, 48), "stretch")
    assert (head.num_tokens, head.in_features) == shape
    scores = model.step(torch.randn(1, 2, 5, 192), model.init_state(), torch.tensor([[0.0, 0.1]]))
    assert scores.shape == (1, 2, 2)


@pytest.mark.parametrize(
    ("settings", "policy"),
    [
        (HeadSettings(window=9), TimeWindow(seconds=4.0, max_frames=9)),
        (HeadSettings(window=9, window_seconds=None), SlidingWindow(9)),
        (HeadSettings(window=9, window_seconds=None, sink_frames=2), SinkWindow(9, 2)),
    ],
)
def test_the_window_is_frames_or_seconds(settings, policy):
    assert head_config(settings, num_tokens=1, num_features=8, num_outputs=2).eviction == policy


def test_sink_frames_need_a_window_of_frames():
    with pytest.raises(ConfigError, match="window_seconds to null"):
        head_config(HeadSettings(sink_frames=1), num_tokens=1, num_features=8, num_outputs=2)
