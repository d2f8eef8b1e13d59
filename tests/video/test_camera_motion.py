import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from vidcache.video import open_source
from vidcache.video.camera_motion import CameraMotion

ASSETS = Path(os.environ.get("VIDCACHE_TEST_ASSETS", Path(__file__).parents[3] / "shared/assets"))
SIZE = (560, 400)
STILL = np.eye(2, 3)


def made_texture():
    rng = np.random.default_rng(0)
    layers = [
        cv2.resize(rng.random((side * 3 // 4, side, 3), np.float32), (800, 600))
        for side in (8, 32, 128)
    ]
    return (np.mean(layers, axis=0) * 255).astype(np.uint8)


def real_texture():
    path = ASSETS / "videos/pedestrians_cctv.mp4"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    with open_source(path) as source:
        return cv2.resize(next(iter(source)).image_rgb, (800, 600))


@pytest.fixture(params=["made", "real"])
def scene(request):
    return made_texture() if request.param == "made" else real_texture()


def view(scene, shift=(0.0, 0.0), zoom=1.0, degrees=0.0):
    """What a camera sees, and the map from its unmoved picture to this one."""
    width, height = SIZE
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, zoom)
    matrix[:, 2] += shift
    from_scene = matrix @ np.array([[1, 0, -120], [0, 1, -100], [0, 0, 1]], float)
    return cv2.warpAffine(scene, from_scene, SIZE, flags=cv2.INTER_AREA), matrix


def with_noise(image, seed, sigma=4.0):
    noise = np.random.default_rng(seed).normal(0, sigma, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def error_pixels(found, expected):
    width, height = SIZE
    places = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float)
    return np.abs(places @ (found - expected).T).max()


@pytest.mark.parametrize(
    "change",
    [
        {"shift": (12.0, 0.0)},
        {"shift": (-31.5, 17.2)},
        {"zoom": 1.04},
        {"zoom": 0.95, "shift": (4.0, -6.0)},
        {"degrees": 2.0, "shift": (5.0, 5.0)},
    ],
    ids=str,
)
def test_a_camera_that_moves_is_followed(scene, change):
    motion = CameraMotion()
    first = motion.update(with_noise(view(scene)[0], 1))
    np.testing.assert_array_equal(first, STILL)
    image, expected = view(scene, **change)
    assert error_pixels(motion.update(with_noise(image, 2)), expected) < 2.0


def test_a_camera_that_stands_still_is_exactly_still_in_noise_and_changing_light(scene):
    motion, (image, _) = CameraMotion(), view(scene)
    for number in range(40):
        light = 1.0 + 0.1 * np.sin(number / 5)
        lit = np.clip(image * light, 0, 255).astype(np.uint8)
        np.testing.assert_array_equal(motion.update(with_noise(lit, number)), STILL)


def test_a_slow_movement_adds_up(scene):
    motion, total = CameraMotion(), np.eye(3)
    for number in range(41):
        found = motion.update(view(scene, shift=(0.25 * number, 0.0))[0])
        total = np.vstack([found, [0, 0, 1]]) @ total
    assert abs(total[0, 2] - 10.0) < 1.5
    assert abs(total[1, 2]) < 1.0


def test_what_moves_by_itself_is_not_taken_for_the_camera(scene):
    motion, (still, _) = CameraMotion(), view(scene)
    figure = np.random.default_rng(5).integers(0, 256, (300, 260, 3), np.uint8)
    figure = cv2.GaussianBlur(figure, (0, 0), 3)
    for left in range(40, 240, 20):
        image = still.copy()
        image[60:360, left : left + 260] = figure
        found = motion.update(image, [(left, 60, left + 260, 360)])
        np.testing.assert_array_equal(found, STILL)


def test_too_little_to_go_by_is_no_movement(scene):
    other = cv2.flip(scene, -1)
    dark = np.zeros_like(view(scene)[0])
    motion = CameraMotion()
    for image in (view(scene)[0], view(other)[0], dark, view(scene)[0], view(scene)[0][:200]):
        np.testing.assert_array_equal(motion.update(image), STILL)
    everything = [(0, 0, *SIZE)]
    motion = CameraMotion()
    for shift in (0.0, 20.0):
        image, _ = view(scene, shift=(shift, 0.0))
        np.testing.assert_array_equal(motion.update(image, everything), STILL)


def test_after_a_reset_the_next_frame_is_compared_with_none(scene):
    motion = CameraMotion()
    motion.update(view(scene)[0])
    motion.reset()
    np.testing.assert_array_equal(motion.update(view(scene, shift=(12.0, 0.0))[0]), STILL)
