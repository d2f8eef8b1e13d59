import dataclasses
import json

import pytest

from vidcache import HeadConfig, SinkWindow
from vidcache.errors import ConfigError
from vidcache.model import ActionModelConfig

_HEAD = HeadConfig(
    in_features=64, width=32, depth=1, num_heads=2, num_iterations=2, num_outputs=3,
    num_tokens=5, eviction=SinkWindow(window=8, sink_frames=1),
)  # fmt: skip
_CONFIG = ActionModelConfig(
    "test_vit", ("nobody", "stand", "walk"), _HEAD,
    image_size=(64, 96), num_tokens=5, fit="pad", mean=(0.1, 0.2, 0.3), model_args={"depth": 2},
    temperature=1.5, threshold=0.6, about={"data": "renders", "map": {"val": 0.5}},
)  # fmt: skip


def test_settings_survive_json() -> None:
    text = json.dumps(_CONFIG.to_dict())
    assert ActionModelConfig.from_dict(json.loads(text)) == _CONFIG


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ("nobody", "stand")}, "2 labels, but head.num_outputs is 3"),
        ({"labels": ("a", "a", "b")}, "each once"),
        ({"num_tokens": 1}, "head.num_tokens"),
        ({"temperature": 0.0}, "temperature"),
        ({"threshold": 1.1}, "threshold"),
        ({"activation": "tanh"}, "'softmax' or 'sigmoid'"),
        ({"encoder_source": "elsewhere"}, "'file' or 'external'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, message) -> None:
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(_CONFIG, **changes)


def test_an_unknown_setting_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="'temprature': did you mean 'temperature'"):
        ActionModelConfig.from_dict(_CONFIG.to_dict() | {"temprature": 1.0})


def test_a_missing_setting_is_refused() -> None:
    settings = _CONFIG.to_dict()
    del settings["labels"]
    with pytest.raises(ConfigError, match="labels"):
        ActionModelConfig.from_dict(settings)
