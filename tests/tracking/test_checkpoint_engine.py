"""A checkpoint finds the same objects whatever runs it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from vidcache.errors import MissingExtraError
from vidcache.runtime import Choice
from vidcache.runtime.engines import can_trace
from vidcache.tracking import UltralyticsDetector
from vidcache.tracking import _checkpoint_engine as checkpoint_engine

ENGINES = [
    pytest.param(name, marks=pytest.mark.skipif(not can_trace(name), reason=f"needs {name}"))
    for name in ("openvino", "onnx")
]
MODELS = [
    "untrained_model",
    "untrained_dense_model",
    "untrained_pose_model",
    "untrained_dense_pose_model",
]


def picture(height=96, width=128, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def make(path, engine, **settings):
    return UltralyticsDetector(path, confidence=1e-4, precision="fp32", engine=engine, **settings)


@pytest.fixture
def traced(monkeypatch):
    """The sizes that were traced."""
    sizes = []
    make_graph = checkpoint_engine._graph

    def keep(kind, network, example):
        sizes.append(tuple(example.shape[2:]))
        return make_graph(kind, network, example)

    monkeypatch.setattr(checkpoint_engine, "_graph", keep)
    return sizes


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("model", MODELS)
def test_every_engine_finds_the_same_at_every_size(request, traced, model, engine):
    path = request.getfixturevalue(model)
    exact, other = make(path, "torch"), make(path, engine)
    assert (exact.engine.name, other.engine.name, other.precision) == ("torch", engine, "fp32")
    for height, width in ((96, 128), (128, 96), (96, 128)):
        image = picture(height, width)
        (expected,), (found,) = exact.observe([image]), other.observe([image])
        assert len(expected.rows) > 0
        np.testing.assert_allclose(found.rows, expected.rows, rtol=1e-4, atol=1e-3)
        if exact.has_keypoints:
            np.testing.assert_allclose(found.keypoints, expected.keypoints, rtol=1e-4, atol=1e-3)
    assert traced == [(96, 128), (128, 96)]


@pytest.mark.parametrize("engine", ENGINES)
def test_pictures_given_together_are_seen_as_alone(untrained_dense_model, engine):
    detector = make(untrained_dense_model, engine)
    pictures = [picture(seed=seed) for seed in range(3)]
    for image, seen in zip(pictures, detector.observe(pictures), strict=True):
        (alone,) = detector.observe([image])
        assert len(alone.rows) > 0
        np.testing.assert_allclose(seen.rows, alone.rows, atol=1e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_threads_share_what_was_traced(untrained_dense_model, traced, engine):
    detector = make(untrained_dense_model, engine, num_parallel=3)
    pictures = [picture(seed=seed % 4) for seed in range(24)]
    expected = [detector.detect(image) for image in pictures[:4]]
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(detector.detect, pictures))
    assert traced == [(96, 128)]
    for index, detections in enumerate(found):
        assert detections == expected[index % 4]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_traced_once_is_read_by_the_next_detector(
    untrained_dense_model, monkeypatch, tmp_path, engine
):
    monkeypatch.setenv("VIDCACHE_CACHE", str(tmp_path))
    (first,) = make(untrained_dense_model, engine).observe([picture()])

    def refuse(_module, _example):
        raise AssertionError("it is traced again")

    monkeypatch.setattr(checkpoint_engine._ENGINES[engine], "trace", refuse)
    (second,) = make(untrained_dense_model, engine).observe([picture()])
    assert len(first.rows) > 0
    np.testing.assert_array_equal(second.rows, first.rows)


@pytest.mark.parametrize("engine", ENGINES)
def test_more_sizes_than_streams_have_are_left_to_torch(
    untrained_dense_model, traced, monkeypatch, engine
):
    monkeypatch.setattr(checkpoint_engine, "_MOST_SIZES", 2)
    exact, other = make(untrained_dense_model, "torch"), make(untrained_dense_model, engine)
    for height in (32, 64, 96, 128, 32):
        image = picture(height)
        (expected,), (found,) = exact.observe([image]), other.observe([image])
        np.testing.assert_allclose(found.rows, expected.rows, rtol=1e-4, atol=1e-3)
    assert traced == [(32, 128), (64, 128)]


@pytest.mark.parametrize("engine", ENGINES)
def test_threads_that_are_left_to_torch_have_a_network_each(
    untrained_dense_model, monkeypatch, engine
):
    monkeypatch.setattr(checkpoint_engine, "_MOST_SIZES", 0)
    detector = make(untrained_dense_model, engine, num_parallel=2)
    asked = []
    for predictor in detector._predictors:
        network = predictor.model.backend.model
        network.register_forward_pre_hook(lambda network, _: asked.append(network))
    for _ in detector._predictors:
        detector.detect(picture())
    assert len({id(network) for network in asked}) == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_features_come_from_torch_and_boxes_stay(untrained_dense_model, engine):
    detector = make(untrained_dense_model, engine)
    (before,) = detector.observe([picture()])
    assert before.features is None
    assert detector.provide_features()
    assert detector.engine.name == "torch"
    (after,) = detector.observe([picture()])
    assert after.features is not None
    assert len(after.features) == len(after.rows)
    np.testing.assert_allclose(after.rows, before.rows, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_suppressed_is_there_by_every_engine(untrained_dense_model, engine):
    from ultralytics.trackers.track_tracker import TRACKTRACK

    exact, other = make(untrained_dense_model, "torch"), make(untrained_dense_model, engine)
    seen = []
    for detector in (exact, other):
        detector.provide_suppressed(TRACKTRACK)
        (observation,) = detector.observe([picture()])
        assert observation.suppressed is not None
        seen.append(observation.suppressed)
    for expected, found in zip(*seen, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_the_fastest_is_measured_and_said(untrained_dense_model):
    detector = make(untrained_dense_model, "auto")
    assert detector.engine.name in ("torch", "openvino", "onnx")
    assert detector.engine.reason
    again = make(untrained_dense_model, "auto")
    assert again.engine.name == detector.engine.name


def test_bfloat16_that_was_asked_for_stays_with_torch(untrained_dense_model):
    detector = UltralyticsDetector(untrained_dense_model, precision="bf16")
    assert (detector.engine.name, detector.precision) == ("torch", "bf16")


def test_an_engine_that_cannot_be_given_a_checkpoint_is_one_line(
    untrained_dense_model, monkeypatch
):
    monkeypatch.setattr(checkpoint_engine, "can_trace", lambda name: False)
    with pytest.raises(MissingExtraError, match=r"onnx"):
        make(untrained_dense_model, "onnx")
    assert make(untrained_dense_model, "auto").engine == Choice(
        "torch", "no other engine is installed"
    )


def test_an_unknown_kind_of_head_stays_with_torch(untrained_dense_model):
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1))
    choice = checkpoint_engine.choose_engine(
        network, untrained_dense_model, (64, 64), "openvino", "fp32"
    )
    assert choice.name == "torch"
