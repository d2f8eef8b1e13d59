"""A run may take int8 weights for the head; what judges a model never does."""

import pytest
import torch

from vidcache import CameraHead, Config, HeadConfig, Pipeline
from vidcache.head.int8 import Int8Linear
from vidcache.model import head_weights
from vidcache.pipeline.loading import load_model
from vidcache.runtime import Choice


@pytest.fixture
def int8_is_faster(monkeypatch):
    if not hasattr(torch.ops.aten, "_weight_int8pack_mm"):
        pytest.skip("this PyTorch has no int8 product")
    monkeypatch.setattr(head_weights, "choose_fastest", lambda *_: Choice("int8", "said the test"))


def has_int8(model) -> bool:
    return any(isinstance(part, Int8Linear) for part in model.head.modules())


def test_a_run_takes_int8_weights_where_they_are_faster(int8_is_faster):
    pipeline = Pipeline.from_config(Config(detector="none"))
    assert has_int8(pipeline.model)


def test_full_precision_keeps_the_weights(int8_is_faster):
    pipeline = Pipeline.from_config(Config(detector="none", precision="fp32"))
    assert not has_int8(pipeline.model)


def test_a_model_that_is_judged_has_the_weights_of_its_file(int8_is_faster):
    model = load_model(Config())
    assert not has_int8(model)
    model.head.double()


def test_weights_that_change_scores_are_left_alone(int8_is_faster, monkeypatch):
    monkeypatch.setattr(head_weights, "_LARGEST_CHANGE", 0.0)
    model = load_model(Config())
    head_weights.choose_head_weights(model)
    assert not has_int8(model)


def test_many_rows_and_few_say_the_same():
    torch.manual_seed(0)
    config = HeadConfig(
        in_features=128, width=128, depth=1, num_heads=2, num_iterations=1, num_outputs=3
    )
    quick = head_weights.with_int8_weights(CameraHead(config).eval())
    layer = next(part for part in quick.modules() if isinstance(part, Int8Linear))
    x = torch.randn(40, layer.weight.shape[1])
    few = torch.cat([layer(x[at : at + 1]) for at in range(len(x))])
    torch.testing.assert_close(layer(x), few, rtol=2e-2, atol=2e-2)
