import importlib.util

import numpy as np
import pytest

from vidcache.errors import ConfigError, InputError, MissingExtraError, ModelError
from vidcache.training.synthetic import LABELS, SPLITS, ClipSettings, SyntheticStream, draw_clip
from vidcache.training.synthetic.actions import ACTIONS
from vidcache.training.synthetic.motions import captured_motion
from vidcache.training.synthetic.performance import make_performance
from vidcache.training.synthetic.skeleton import KEYPOINTS, Proportions, forward_kinematics, joint
from vidcache.training.synthetic.stream import VISIBLE

pytest.importorskip("cv2")
if importlib.util.find_spec("pybullet_data") is None:
    pytest.skip("the package pybullet is not installed", allow_module_level=True)


def small_stream(seed, split="train", **settings):
    return SyntheticStream(seed, split, **({"size": (120, 90), "num_frames": 4} | settings))


def test_the_same_seed_gives_the_same_stream_in_any_order():
    forward = [frame.image_rgb for frame in small_stream(3)]
    again = small_stream(3)
    for index in (2, 0, 3, 1):
        assert np.array_equal(again.frame(index).image_rgb, forward[index])


def test_other_seeds_and_splits_give_other_streams():
    pictures = [
        small_stream(seed, split).frame(0).image_rgb.tobytes()
        for seed in range(3)
        for split in SPLITS
    ]
    assert len(set(pictures)) == len(pictures)


def test_splits_share_no_hue_camera_height_body_or_scenery_with_the_test():
    test = SPLITS["test"]
    for name in ("train", "validation"):
        split = SPLITS[name]
        assert not set(split.hues) & set(test.hues)
        assert not set(split.backgrounds) & set(test.backgrounds)
        for ranges in ("camera_heights", "statures", "thickness"):
            for low, high in getattr(split, ranges):
                assert all(high <= a or b <= low for a, b in getattr(test, ranges))


def test_streams_show_every_label():
    shown = np.zeros(len(LABELS))
    for seed in range(150):
        for frame in small_stream(seed, size=(40, 30), num_frames=4, frame_rate=0.5):
            shown += frame.target
    assert (shown > 0).all(), [LABELS[k] for k in np.flatnonzero(shown == 0)]


def test_labels_agree_with_the_figures_that_are_seen():
    empty = 0
    for seed in range(40):
        for frame in small_stream(seed, num_frames=3, frame_rate=1.0):
            seen = {f.label for f in frame.figures if f.visibility >= VISIBLE}
            told = {LABELS[k] for k in np.flatnonzero(frame.target)}
            assert told == (seen or {"nobody"})
            empty += not seen
    assert empty


def test_a_figure_is_drawn_within_its_box_and_fills_it(monkeypatch):
    monkeypatch.setattr(
        "vidcache.training.synthetic.picture_quality.PictureQuality.apply",
        lambda self, image, rng: image,
    )
    checked = 0
    for seed in range(25):
        stream = small_stream(seed, num_figures=1, frame_rate=2.0)
        stream._shadow = 0.0
        for index in range(4):
            frame = stream.frame(index)
            if not frame.figures:
                continue
            acted = stream._performances, stream._places
            stream._performances, stream._places = [], []
            empty = stream.frame(index)
            stream._performances, stream._places = acted
            changed = (frame.image_rgb != empty.image_rgb).any(-1)
            left, top, right, bottom = frame.figures[0].box_xyxy
            rows, columns = np.nonzero(changed)
            # Anti-aliased edges may reach one pixel further.
            assert columns.min() >= np.floor(left) - 1
            assert columns.max() <= np.ceil(right)
            assert rows.min() >= np.floor(top) - 1
            assert rows.max() <= np.ceil(bottom)
            if frame.figures[0].visibility > 0.99:
                assert rows.max() - rows.min() > 0.8 * (bottom - top) - 4
                checked += 1
    assert checked > 20


def test_a_figure_that_walks_crosses_the_scene_and_one_that_stands_does_not():
    travelled = {}
    for label in ("walk", "run", "stand"):
        spans = []
        for seed in range(8):
            rng = np.random.default_rng(seed)
            performance = make_performance(
                rng, 1.4, Proportions(), SPLITS["train"].tempo, script=(label,)
            )
            path = performance.points[:36, joint("root")]
            spans.append(np.linalg.norm((path[-1] - path[0])[[0, 2]]))
        travelled[label] = np.median(spans)
    assert travelled["stand"] < 0.2 < 0.8 < travelled["walk"] < travelled["run"]


def test_a_script_is_performed_in_its_order():
    script = ("wave", "lie", "get up", "jumping jacks")
    stream = small_stream(0, num_figures=1, scripts=(script,), num_frames=60, frame_rate=4.0)
    performed = [stream._performances[0].at(index / 4)[1] for index in range(60)]
    order = [LABELS[k] for k, before in zip(performed[1:], performed, strict=False) if k != before]
    assert [LABELS[performed[0]], *order][:4] == list(script)


def test_an_unknown_action_split_motion_or_frame_is_refused():
    with pytest.raises(InputError, match="'fly'"):
        small_stream(0, scripts=(("fly",),))
    with pytest.raises(ConfigError, match="train, validation, test"):
        small_stream(0, "holdout")
    with pytest.raises(ModelError, match="walk"):
        captured_motion("fly")
    with pytest.raises(InputError, match="4 frames"):
        small_stream(0).frame(4)


def test_without_pybullet_the_error_names_the_extra(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n: None if n == "pybullet_data" else find_spec(n)
    )
    captured_motion.cache_clear()
    with pytest.raises(MissingExtraError, match=r"vidcache\[train\]"):
        captured_motion("walk")


def test_at_rest_the_skeleton_stands_upright_facing_x():
    rest = np.zeros((1, 13, 4))
    rest[..., 0] = 1.0
    points = forward_kinematics(np.array([[0.0, 0.9, 0.0]]), rest)[0]
    by_name = dict(zip(KEYPOINTS, points, strict=True))
    assert by_name["head"][1] > by_name["neck"][1] > by_name["root"][1] > by_name["left_knee"][1]
    assert by_name["right_wrist"][2] > 0 > by_name["left_wrist"][2]
    assert by_name["right_toe"][0] > by_name["right_ankle"][0]


def test_a_mirrored_motion_moves_the_other_limbs():
    walk = captured_motion("walk")
    seconds = np.linspace(0, 1, 7)
    points = forward_kinematics(*walk.sample(seconds))
    mirrored = forward_kinematics(*walk.mirrored().sample(seconds))
    left = points[:, joint("left_knee")] * np.array([1, 1, -1])
    assert np.allclose(mirrored[:, joint("right_knee")], left)


def test_a_looping_motion_goes_on_without_a_jump():
    walk = captured_motion("walk")
    seconds = np.arange(0, 5 * walk.duration, 1 / 60)
    positions, rotations = walk.sample(seconds)
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    assert steps.max() < 0.06
    assert np.abs((rotations[1:] * rotations[:-1]).sum(-1)).min() > 0.95
    assert positions[-1, 0] > 4.5


def test_every_action_is_performed_within_reason():
    for label in ACTIONS:
        for seed in range(3):
            rng = np.random.default_rng(seed)
            performance = make_performance(
                rng, 2.0, Proportions(), SPLITS["train"].tempo, script=(label,)
            )
            points = performance.points
            assert np.isfinite(points).all()
            assert points[..., 1].min() > -0.01
            assert points[..., 1].max() < 3.0
            assert np.abs(np.diff(points[:, 0], axis=0)).max() < 0.4


def test_a_clip_has_the_size_and_the_arrays_that_training_reads():
    settings = ClipSettings(num_frames=3, frame_rates=(5.0, 20.0), image_size=(48, 80))
    clip, again = draw_clip(11, settings), draw_clip(11, settings)
    assert clip.images.shape == (3, 48, 80, 3)
    assert clip.images.dtype == np.uint8
    assert clip.targets.shape == (3, len(LABELS))
    assert clip.keypoints.shape == (3, 3, len(KEYPOINTS), 2)
    assert 1 / 20 <= clip.seconds[1] <= 1 / 5
    assert np.array_equal(clip.images, again.images)
