"""A run may take narrower weights for the head; what judges a model never does."""

import pytest
import torch
from typer.testing import CliRunner

from vidcache import CameraHead, Config, HeadConfig, Pipeline, watch
from vidcache.cli.app import app
from vidcache.head import with_int8_weights
from vidcache.head.fp16 import Fp16Linear, Fp16Product
from vidcache.head.int8 import Int8Linear
from vidcache.model import head_weights
from vidcache.pipeline.loading import load_model
from vidcache.runtime import Choice


@pytest.fixture
def int8_is_faster(monkeypatch):
    if not hasattr(torch.ops.aten, "_weight_int8pack_mm"):
        pytest.skip("this PyTorch has no int8 product")
    say_fastest(monkeypatch, "int8")


def say_fastest(monkeypatch, name):
    def choose(question, ways):
        return Choice(name if name in ways else "fp32", "said the test")

    monkeypatch.setattr(head_weights, "choose_fastest", choose)


def has(model, kind) -> bool:
    return any(isinstance(part, kind) for part in model.head.modules())


def has_int8(model) -> bool:
    return has(model, Int8Linear)


def test_a_run_of_a_camera_takes_int8_weights_where_they_are_faster(int8_is_faster):
    pipeline = Pipeline.from_config(Config(detector="none"), live=True)
    assert has_int8(pipeline.model)


@pytest.mark.skipif(not Fp16Product.is_supported(), reason="this PyTorch has no fp16 product")
def test_a_run_of_a_camera_takes_fp16_weights_where_they_are_faster(monkeypatch):
    say_fastest(monkeypatch, "fp16")
    pipeline = Pipeline.from_config(Config(detector="none"), live=True)
    assert has(pipeline.model, Fp16Linear)


def test_narrower_weights_are_timed_against_the_model_s_own(monkeypatch):
    asked = []
    monkeypatch.setattr(
        head_weights, "choose_fastest", lambda _, ways: asked.extend(ways) or Choice("fp32", "")
    )
    model = load_model(Config())
    own = model.head
    head_weights.choose_head_weights(model)
    head_weights.choose_head_weights(model, 8)
    assert asked.count("fp32") == 2
    assert set(asked) <= {"fp32", "fp16", "int8"}
    assert model.head is own


@pytest.mark.skipif(not Fp16Product.is_supported(), reason="this PyTorch has no fp16 product")
def test_where_the_answer_is_known_no_other_head_is_made(monkeypatch):
    def refuse(_):
        raise AssertionError("nobody asked for this head")

    say_fastest(monkeypatch, "fp16")
    monkeypatch.setattr(head_weights, "with_int8_weights", refuse)
    model = load_model(Config())
    head_weights.choose_head_weights(model)
    assert has(model, Fp16Linear)


@pytest.mark.skipif(not Fp16Product.is_supported(), reason="this PyTorch has no fp16 product")
def test_the_next_fastest_is_taken_where_the_fastest_changes_scores(int8_is_faster, monkeypatch):
    def choose(question, ways):
        return Choice(next(name for name in ("int8", "fp16", "fp32") if name in ways), "")

    def change(_, head):
        return float(any(isinstance(part, Int8Linear) for part in head.modules()))

    monkeypatch.setattr(head_weights, "choose_fastest", choose)
    monkeypatch.setattr(head_weights, "_largest_change", change)
    model = load_model(Config())
    head_weights.choose_head_weights(model)
    assert has(model, Fp16Linear)
    assert not has_int8(model)


def test_full_precision_keeps_the_weights(int8_is_faster):
    pipeline = Pipeline.from_config(Config(detector="none", precision="fp32"), live=True)
    assert not has_int8(pipeline.model)


@pytest.mark.parametrize(
    ("uri", "num_frames"), [("testsrc2=rate=5", 8), ("testsrc2=rate=5,realtime", 1)]
)
@pytest.mark.parametrize("num_sources", [1, 2])
def test_the_program_asks_for_frames_as_they_come(monkeypatch, uri, num_frames, num_sources):
    asked = []
    monkeypatch.setattr(
        "vidcache.pipeline.pipeline.choose_head_weights", lambda _, number: asked.append(number)
    )
    arguments = ["run", *num_sources * [f"lavfi:{uri}"], "--detector", "none", "--max-frames", "1"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert asked == [num_frames]


def test_watch_asks_for_frames_as_they_come(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "vidcache.pipeline.pipeline.choose_head_weights", lambda _, number: asked.append(number)
    )
    for uri in ("testsrc2=rate=5", "testsrc2=rate=5,realtime"):
        assert len(list(watch(f"lavfi:{uri}", detector="none", max_frames=1, batch=4))) == 1
    assert asked == [4, 1]


def test_groups_of_frames_never_take_int8_weights(int8_is_faster):
    model = load_model(Config())
    head_weights.choose_head_weights(model, 8)
    assert not has_int8(model)


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
    quick = with_int8_weights(CameraHead(config).eval())
    layer = next(part for part in quick.modules() if isinstance(part, Int8Linear))
    x = torch.randn(40, layer.weight.shape[1])
    few = torch.cat([layer(x[at : at + 1]) for at in range(len(x))])
    torch.testing.assert_close(layer(x), few, rtol=2e-2, atol=2e-2)
