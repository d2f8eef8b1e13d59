import os
from pathlib import Path

import numpy as np
import pytest

from vidcache.video import SceneCutDetector, open_source

_FOLDER = Path(
    os.environ.get("VIDCACHE_TEST_ASSETS", Path(__file__).parents[3] / "shared" / "assets")
)
# First frames of new scenes, found by eye.
_CUTS = {
    "beam_portrait_60fps.mp4": [],
    "beam_vp9_audio.mp4": [],
    "bigbuckbunny.mp4": [],
    "bikes.mp4": [30, 76, 137, 187, 242],
    "odd_timestamps_cinepak.avi": [],
    "pedestrians_cctv.mp4": [],
    "two_people_vp9.mp4": [],
}
_HEIGHT, _WIDTH = 180, 320


def panorama(seed, height=2 * _HEIGHT, width=3 * _WIDTH):
    """A picture with structure of all sizes, larger than what a camera shows of it."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for size in (120, 60, 30, 15, 6):
        patches = rng.normal(size=(height // size + 1, width // size + 1, 3))
        total += np.kron(patches, np.ones((size, size, 1)))[:height, :width]
    return np.clip(128 + 25 * total, 0, 255).astype(np.uint8)


def view(seed, left=_WIDTH, top=_HEIGHT // 2):
    return panorama(seed)[top : top + _HEIGHT, left : left + _WIDTH]


def cuts(pictures):
    detector = SceneCutDetector()
    return [at for at, image in enumerate(pictures) if detector.update(image) is not None]


def brighter(image, factor=1.0, by=0.0):
    return np.clip(image * factor + by, 0, 255).astype(np.uint8)


def noisy(image, seed, deviation=20.0):
    noise = np.random.default_rng(seed).normal(0, deviation, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def covered(image, share):
    """The picture with another one in front of part of it."""
    image, other = image.copy(), view(99)
    height, width = (round(length * share**0.5) for length in image.shape[:2])
    image[-height:, :width] = other[-height:, :width]
    return image


@pytest.mark.parametrize("seed", range(8))
def test_a_hard_cut_is_known_at_its_first_frame(seed):
    one, other = view(seed), view(seed + 50)
    assert cuts([one, one, other, other, one, one]) == [2, 4]


def test_a_cut_is_found_through_noise_and_in_the_dark():
    one, other = (brighter(view(seed), 0.3) for seed in (1, 2))
    assert cuts([noisy(one, 0, 4), noisy(one, 1, 4), noisy(other, 2, 4)]) == [2]
    assert cuts([noisy(view(1), 0), noisy(view(1), 1), noisy(view(2), 2)]) == [2]


@pytest.mark.parametrize("pixels", [2, 7, 16, 48, 96])
def test_a_camera_that_turns_makes_no_cut(pixels):
    image = panorama(3)
    lefts = range(0, 3 * _WIDTH - _WIDTH, pixels)
    assert cuts([image[40:220, left : left + _WIDTH] for left in lefts]) == []


def test_a_camera_that_shakes_makes_no_cut():
    rng = np.random.default_rng(0)
    views = [view(4, _WIDTH + x, _HEIGHT // 2 + y) for x, y in rng.integers(-25, 26, (30, 2))]
    assert cuts(views) == []


def test_a_change_of_light_makes_no_cut():
    image = view(5)
    lights = [1.0, 0.5, 0.3, 0.8, 1.5, 1.0]
    assert cuts([brighter(image, light) for light in lights]) == []


@pytest.mark.parametrize("num_frames", [1, 2])
@pytest.mark.parametrize(("factor", "by"), [(1.5, 60), (2.0, 120), (1.0, 255)])
def test_a_flash_makes_no_cut(num_frames, factor, by):
    image = view(6)
    flash = [brighter(image, factor, by)] * num_frames
    assert cuts([image, image, *flash, image, image]) == []


def test_noise_makes_no_cut():
    assert cuts([noisy(view(7), seed, 25.0) for seed in range(10)]) == []


def test_what_covers_part_of_the_picture_makes_no_cut():
    image = view(8)
    shares = [0.0, 0.25, 0.0, 0.4, 0.0]
    assert cuts([covered(image, share) for share in shares]) == []


def test_nothing_is_known_from_black_frames_and_the_scene_after_them_is_compared():
    one, other, black = view(9), view(10), np.zeros_like(view(9))
    assert cuts([one, one, black, black, one]) == []
    assert cuts([one, one, black, black, other]) == [4]


def test_a_single_odd_frame_makes_one_cut():
    one, odd = view(11), view(12)
    assert cuts([one, one, odd, one, one]) == [2]


def test_snow_on_the_screen_makes_one_cut():
    snow = [noisy(np.full_like(view(13), 128), seed, 200.0) for seed in range(10)]
    coarse = [picture[::4, ::4].repeat(4, 0).repeat(4, 1) for picture in snow]
    assert cuts([view(13), view(13), *coarse]) == [2]


def test_the_same_scene_in_another_size_is_the_same_and_in_another_shape_not_compared():
    image = view(14)
    assert cuts([image, image.repeat(3, 0).repeat(3, 1), image[::2, ::2]]) == []
    assert cuts([image, view(15)[:, :200]]) == []


def test_the_threshold_is_the_difference_that_makes_a_cut():
    one, other = view(16), view(17)
    detector = SceneCutDetector()
    detector.update(one)
    difference = detector.update(other)
    assert difference is not None
    assert 0.6 <= difference <= 1.0
    deaf = SceneCutDetector(threshold=1.0)
    deaf.update(one)
    assert deaf.update(other) is None


@pytest.mark.parametrize("name", _CUTS)
def test_real_videos_are_cut_where_an_eye_sees_it(name):
    path = _FOLDER / "videos" / name
    if not path.exists():
        pytest.skip(f"needs {name} in VIDCACHE_TEST_ASSETS or ../shared/assets")
    with open_source(path, max_size=640) as source:
        assert cuts(frame.image_rgb for frame in source) == _CUTS[name]
