import importlib.util
from copy import deepcopy

import numpy as np
import pytest
import torch

from vidcache.cache import TimeWindow
from vidcache.head import HeadConfig
from vidcache.model.object_model import ObjectActionModel, ObjectModelConfig
from vidcache.training.learning.stages import Budget
from vidcache.training.objects.performances import (
    IGNORED,
    OBJECT_LABELS,
    coco_keypoints,
    draw_performance,
    object_label,
)
from vidcache.training.objects.tracks import TrackBatches, draw_track, replay
from vidcache.training.objects.trainer import ObjectTrainer
from vidcache.training.synthetic import LABELS
from vidcache.training.synthetic.everyday import EVERYDAY
from vidcache.training.synthetic.performance import make_performance
from vidcache.training.synthetic.skeleton import Proportions, forward_kinematics, joint
from vidcache.training.synthetic.splits import SPLITS

if importlib.util.find_spec("pybullet_data") is None:
    pytest.skip("the package pybullet is not installed", allow_module_level=True)


def test_every_label_is_performed_and_the_rest_does_not_count():
    shown = set()
    for seed in range(20):
        shown |= set(draw_performance(np.random.default_rng(seed), 12.0).labels.tolist())
    assert shown == {IGNORED, *range(len(OBJECT_LABELS))}
    assert {object_label(label) for label in LABELS} == shown


def test_a_body_at_rest_has_its_face_in_front_and_its_left_on_the_left():
    rest = np.zeros((1, 13, 4))
    rest[..., 0] = 1.0
    body = coco_keypoints(forward_kinematics(np.zeros((1, 3)), rest))[0]
    nose, left_eye, right_eye, left_ear, right_ear = body[:5]
    assert nose[0] > left_eye[0] > left_ear[0]
    # At rest the right hand is at +z.
    assert right_eye[2] > 0 > left_eye[2]
    assert right_ear[2] > 0 > left_ear[2]
    assert (body[6::2, 2] > 0).all()
    assert (body[5::2, 2] < 0).all()


@pytest.mark.parametrize("label", ["stand", "walk", "run", "wave", "crouch"])
def test_everyday_actions_stay_on_the_floor_and_move_as_far_as_they_should(label):
    spans, heights = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        acted = make_performance(
            rng, 2.0, Proportions(), SPLITS["train"].tempo, script=(label,), actions=EVERYDAY
        )
        path = acted.points[:60, joint("root")]
        spans.append(np.linalg.norm((path[-1] - path[0])[[0, 2]]))
        heights.append(acted.points[:60, joint("head"), 1].mean())
        assert abs(acted.points[:60, :, 1].min()) < 0.1
    low, high = {"walk": (0.5, 4.0), "run": (2.5, 14.0)}.get(label, (-0.1, 0.5))
    assert low < np.median(spans) < high
    assert (np.median(heights) < 1.3) == (label == "crouch")


@pytest.mark.parametrize("rate", [5.0, 25.0, 60.0])
def test_a_track_is_what_a_tracker_could_have_seen(rate):
    rng = np.random.default_rng(4)
    performance = draw_performance(rng, 16.0)
    tracks = [draw_track(rng, performance, 40, rate) for _ in range(12)]
    found = [track for track in tracks if track is not None]
    assert len(found) > 3
    shares = []
    for track in found:
        assert len(track.history) == len(track.labels) == 40
        seen = track.history.keypoints[..., 2] > 0.3
        places = track.history.keypoints[..., :2]
        boxes = track.history.boxes_xyxy
        size = (boxes[:, 2:] - boxes[:, :2]).max(1)[:, None, None]
        inside = (places > boxes[:, None, :2] - size) & (places < boxes[:, None, 2:] + size)
        shares.append(inside.all(-1)[seen].mean())
    # Boxes that are cut or hidden in part leave some keypoints far outside.
    assert np.mean(shares) > 0.95


def test_the_same_seed_draws_the_same_batch():
    first, again, other = (
        next(iter(TrackBatches(("motion", "pose"), 4, seed, pool_size=4))) for seed in (1, 1, 2)
    )
    assert first.values["pose"].equal(again.values["pose"])
    assert first.labels.equal(again.labels)
    assert first.values["motion"].shape[:2] == first.labels.shape == first.seconds.shape
    assert not (first.labels.shape == other.labels.shape and bool(first.labels.equal(other.labels)))


def test_a_replay_shows_each_batch_several_times():
    drawn = TrackBatches(("motion",), 2, 1, pool_size=2)
    fresh = [batch for batch, _ in zip(drawn, range(3), strict=False)]
    shown = list(replay(fresh, np.random.default_rng(0), times=4, size=2))
    assert [shown[place] for place in (0, 4, 8)] == fresh
    assert len(shown) == 12
    assert all(any(batch is known for known in fresh) for batch in shown)


def test_training_learns_goes_on_after_a_stop_and_leaves_averaged_weights(tmp_path):
    head = HeadConfig(
        in_features=16,
        width=16,
        depth=1,
        num_heads=2,
        num_iterations=2,
        num_outputs=6,
        eviction=TimeWindow(2.0, 64),
        positions="seconds",
        layer_scale=0.3,
    )
    torch.manual_seed(0)
    model = ObjectActionModel(ObjectModelConfig(OBJECT_LABELS, head, ("motion",), hidden=16))
    batch = next(iter(TrackBatches(("motion",), 8, 1, pool_size=4)))
    losses = []
    trainer = ObjectTrainer(model, Budget(steps=40), rate=1e-2)
    trainer.run([batch] * 30, lambda facts: losses.append(facts["loss"]))
    trainer.save(tmp_path / "checkpoint.pt")
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    again = ObjectTrainer(deepcopy(model), Budget(steps=40), rate=1e-2)
    again.load(tmp_path / "checkpoint.pt")
    again.run([batch] * 30, lambda facts: losses.append(facts["loss"]))
    assert again.step == 40
    assert not any(p.isnan().any() for p in again.averaged.parameters())
