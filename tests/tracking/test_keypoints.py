import importlib.util

import numpy as np
import pytest
import torch

from vidcache.errors import InputError, ModelError
from vidcache.tracking import (
    PoseEstimator,
    UltralyticsDetector,
    UltralyticsPose,
    UltralyticsTracker,
)
from vidcache.tracking.detector import Observation

TRACKERS = ["botsort", "bytetrack", "deepocsort", "fasttrack", "ocsort", "tracktrack"]


def picture(height=96, width=128, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


@pytest.fixture(scope="module")
def dense(untrained_dense_pose_model):
    return UltralyticsDetector(untrained_dense_pose_model, confidence=1e-4, precision="fp32")


def test_a_pose_model_gives_boxes_and_keypoints_in_one_pass(dense):
    assert dense.has_keypoints
    (seen,) = dense.observe([picture()])
    assert len(seen.rows) > 1
    assert seen.keypoints.shape == (len(seen.rows), 17, 3)
    assert seen.keypoints.dtype == np.float32
    assert (seen.keypoints[..., 0] <= 128).all()
    assert (seen.keypoints[..., 1] <= 96).all()
    assert ((seen.keypoints[..., 2] >= 0) & (seen.keypoints[..., 2] <= 1)).all()


def test_a_detection_model_has_no_keypoints(untrained_model):
    detector = UltralyticsDetector(untrained_model)
    assert not detector.has_keypoints
    assert detector.observe([picture()])[0].keypoints is None


def test_keypoints_are_pixels_of_the_picture_whatever_its_size(dense):
    image = picture(96, 96)
    (small,) = dense.observe([image])
    (large,) = dense.observe([np.kron(image, np.ones((3, 3, 1), np.uint8))])
    assert np.ptp(large.keypoints[..., 0]) > 1.5 * np.ptp(small.keypoints[..., 0])


def test_pictures_given_together_have_the_keypoints_that_they_have_alone(dense):
    pictures = [picture(seed=seed) for seed in range(3)]
    for image, seen in zip(pictures, dense.observe(pictures), strict=True):
        (alone,) = dense.observe([image])
        np.testing.assert_allclose(seen.keypoints, alone.keypoints, atol=1e-2)


@pytest.mark.parametrize("model", ["untrained_pose_model", "untrained_dense_pose_model"])
def test_bfloat16_sees_the_same_keypoints(model, request):
    path = request.getfixturevalue(model)
    exact, quick = (
        UltralyticsDetector(path, precision=precision, confidence=1e-4, image_size=256)
        for precision in ("fp32", "bf16")
    )
    assert (exact.precision, quick.precision) == ("fp32", "bf16")
    with torch.inference_mode():
        pixels = torch.from_numpy(picture(256, 256)).permute(2, 0, 1)[None].float() / 255
        # Before the choice of the best ones, which a rounding may change.
        one, two = (
            _raw(detector._predictors[0].model.backend.model, pixels) for detector in (exact, quick)
        )
    assert two.dtype == torch.float32
    assert (one - two).abs().max() < 0.05


def _raw(model, pixels):
    head, kept = model.model[-1], []
    hook = head.register_forward_hook(lambda _head, _inputs, output: kept.append(output))
    model(pixels)
    hook.remove()
    parts = kept[0][1]
    return parts.get("one2one", parts)["kpts"]


@pytest.mark.parametrize("name", TRACKERS)
def test_a_track_carries_the_keypoints_of_the_detection_that_it_was_matched_to(
    name, untrained_pose_model
):
    tracker = UltralyticsTracker(untrained_pose_model, tracker=name)
    for time in range(8):
        rows = np.array(
            [
                [200, 20, 200, 20, 0.02, 0],  # too weak to be followed
                [110, 30, 140, 100, 0.9, 0],
                [10 + 3 * time, 20, 40 + 3 * time, 90, 0.9, 0],
            ],
            np.float32,
        )[:: 1 if time % 2 else -1]
        # The keypoints of each detection say where its box begins.
        keypoints = np.repeat(rows[:, None, :3], 17, axis=1)
        tracks = tracker.follow(
            Observation(
                rows, ("person", "dog"), np.zeros((120, 240, 3), np.uint8), None, None, keypoints
            )
        )
    assert len(tracks) == 2
    for track in tracks:
        assert track.keypoints.shape == (17, 3)
        assert track.keypoints[0, 0] == pytest.approx(track.box_xyxy[0], abs=4)


def test_tracks_of_a_detector_without_keypoints_have_none(colours, moving):
    tracker = UltralyticsTracker(colours())
    tracks = [tracker.update(frame) for frame in moving][-1]
    assert len(tracks) == 2
    assert all(track.keypoints is None for track in tracks)


def test_a_twin_sees_keypoints_too(dense):
    tracker = UltralyticsTracker(
        dense,
        tracker_settings={
            "track_high_thresh": 1e-4,
            "track_low_thresh": 1e-5,
            "new_track_thresh": 1e-4,
            "fuse_score": False,
        },
    )
    twin = tracker.twin()
    for each in (tracker, twin):
        for _ in range(2):
            tracks = each.update(picture())
        assert tracks
        assert all(track.keypoints.shape == (17, 3) for track in tracks)


def test_keypoints_are_given_to_the_boxes_of_another_detector(untrained_dense_pose_model, dense):
    estimator = UltralyticsPose(untrained_dense_pose_model, confidence=1e-4, precision="fp32")
    assert isinstance(estimator, PoseEstimator)
    (seen,) = dense.observe([picture()])
    boxes = np.concatenate([[[500, 500, 600, 600]], seen.rows[:2, :4] + 0.5])
    keypoints = estimator.estimate(picture(), boxes)
    assert np.isnan(keypoints[0]).all()
    np.testing.assert_allclose(keypoints[1:], seen.keypoints[:2], atol=1e-3)
    assert estimator.estimate(picture(), np.zeros((0, 4))).shape == (0, 17, 3)


def test_an_estimator_of_poses_refuses_a_model_without_them(untrained_model):
    with pytest.raises(ModelError, match=r"untrained\.pt has no keypoints, expected a pose model"):
        UltralyticsPose(untrained_model)


def test_an_estimator_of_poses_refuses_boxes_of_another_shape(untrained_pose_model):
    with pytest.raises(InputError, match=r"expected \(people, 4\)"):
        UltralyticsPose(untrained_pose_model).estimate(picture(), np.zeros((2, 3)))


@pytest.mark.parametrize("form", ["onnx", "torchscript"])
def test_an_exported_pose_model_has_keypoints(form, dense, untrained_dense_pose_model):
    if form == "onnx" and not all(importlib.util.find_spec(n) for n in ("onnx", "onnxscript")):
        pytest.skip("exporting to ONNX needs the packages onnx and onnxscript")
    from ultralytics import YOLO

    exported = YOLO(str(untrained_dense_pose_model)).export(format=form, imgsz=128)
    detector = UltralyticsDetector(exported, confidence=1e-4)
    assert detector.precision == "as exported"
    assert detector.has_keypoints
    image = picture(128, 128)
    (seen,), (expected,) = detector.observe([image]), dense.observe([image])
    np.testing.assert_allclose(seen.keypoints, expected.keypoints, atol=0.1)
