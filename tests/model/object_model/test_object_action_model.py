import numpy as np
import pytest
import torch

from vidcache.cache import TimeWindow
from vidcache.errors import ConfigError, InputError, ModelError
from vidcache.head import HeadConfig
from vidcache.model.object_model import (
    ObjectActionModel,
    ObjectModelConfig,
    TrackHistory,
    TrackMemory,
    find_object_model,
)
from vidcache.model.object_model.source_features import track_features

LABELS = ("stand", "walk", "run")


def make_model(sources=("motion", "pose"), region_features=0) -> ObjectActionModel:
    torch.manual_seed(1)
    head = HeadConfig(
        in_features=16,
        width=16,
        depth=1,
        num_heads=2,
        num_iterations=2,
        num_outputs=len(LABELS),
        num_tokens=len(sources),
        eviction=TimeWindow(1.5, 32),
        positions="seconds",
        layer_scale=0.5,
    )
    config = ObjectModelConfig(LABELS, head, sources, region_features, hidden=24)
    return ObjectActionModel(config).eval()


def a_track(count=30, rate=10.0, *, pose=True) -> TrackHistory:
    rng = np.random.default_rng(2)
    left = np.cumsum(rng.normal(3, 2, count)) + 100
    boxes = np.column_stack((left, np.full(count, 50.0), left + 40, rng.uniform(140, 160, count)))
    keypoints = np.empty((count, 17, 3))
    keypoints[..., :2] = boxes[:, None, :2] + rng.uniform(0, 40, (count, 17, 2))
    keypoints[..., 2] = 0.9
    seconds = np.arange(count) / rate
    return TrackHistory.of_boxes(seconds, boxes, keypoints if pose else None)


def streamed(model, track, rows=None, state=None):
    state = state or model.init_state()
    memory, scores = TrackMemory(), []
    for index in range(len(track)):
        memory.add(track.seconds[index], track.boxes_xyxy[index], track.keypoints[index])
        seconds = torch.tensor([[track.seconds[index]]])
        scores.append(model.step(model.tokens([memory])[:, None], state, seconds, rows=rows))
    return torch.cat(scores, 1)


@pytest.mark.parametrize("pose", [True, False])
def test_a_stream_is_scored_as_the_whole_track_is(pose):
    model, track = make_model(), a_track(pose=pose)
    features = track_features(track, model.sources)
    with torch.no_grad():
        tokens = model.embed(
            {name: torch.from_numpy(found.values)[None] for name, found in features.items()},
            {name: torch.from_numpy(found.present)[None] for name, found in features.items()},
        )
        whole = model(tokens, torch.from_numpy(track.seconds)[None])
    torch.testing.assert_close(streamed(model, track), whole, rtol=1e-5, atol=1e-6)


def test_a_missing_pose_is_not_a_pose_of_zeros():
    model = make_model()
    zeros = {
        "motion": torch.zeros(1, 23),
        "pose": torch.zeros(1, model.encoders["pose"].in_features),
    }
    there = {"motion": torch.tensor([True]), "pose": torch.tensor([True])}
    with torch.no_grad():
        seen = model.embed(zeros, there)
        missing = model.embed(zeros, there | {"pose": torch.tensor([False])})
    assert torch.equal(seen[:, 0], missing[:, 0])
    assert torch.equal(missing[0, 1], model.encoders["pose"].missing)
    assert not torch.equal(seen[:, 1], missing[:, 1])


def test_a_row_of_a_larger_state_scores_alone():
    model, track = make_model(), a_track()
    alone = streamed(model, track)
    assert torch.equal(streamed(model, track, rows=[2], state=model.init_state(3)), alone)


def test_a_saved_model_says_the_same(tmp_path):
    model, track = make_model(), a_track()
    model.adjust(temperature=1.7, threshold=0.4)
    model.save(tmp_path / "mine.safetensors", dtype=torch.float32)
    loaded = ObjectActionModel.load(tmp_path / "mine.safetensors")
    assert loaded.config == model.config
    assert torch.equal(streamed(loaded, track), streamed(model, track))


def test_a_region_of_another_length_is_refused():
    model, memory = make_model(("motion", "region"), 8), TrackMemory()
    memory.add(0.0, (0, 0, 10, 20), region=np.zeros(7))
    with pytest.raises(InputError, match=r"7 features.*8"):
        model.tokens([memory])
    memory.clear()
    memory.add(0.0, (0, 0, 10, 20))
    assert model.tokens([memory]).shape == (1, 2, 16)


def test_an_action_model_is_no_object_model():
    from vidcache.encoder.bundled import find_bundled_models

    with pytest.raises(ModelError, match="no object action model"):
        ObjectActionModel.load(find_bundled_models()["tiny"])
    with pytest.raises(ModelError, match="there is no object model 'persom'"):
        find_object_model("persom")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sources": ("motion", "smell")}, "sources"),
        ({"sources": ("motion",)}, "num_tokens is 2"),
        ({"labels": ("stand", "stand", "walk")}, "each once"),
        ({"region_features": 4}, "region_features"),
        ({"thresold": 0.4}, "did you mean 'threshold'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        ObjectModelConfig.from_dict(make_model().config.to_dict() | changes)
