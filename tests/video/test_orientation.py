from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from vidcache.video import open_source
from vidcache.video.orientation import Orientation


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotated_video_comes_out_upright_and_as_opencv_shows_it(
    make_video: Callable[..., Path], make_picture: Callable[..., np.ndarray], degrees: int
) -> None:
    path = make_video("rotated.mp4", rotation=degrees, num_frames=3)
    with open_source(path) as source:
        image = next(source).image_rgb
        assert source.size == ((96, 128) if degrees != 180 else (128, 96))
    # A display rotation of 90 degrees turns the stored picture counter-clockwise.
    expected = np.rot90(make_picture(0), degrees // 90)
    assert np.abs(image.astype(int) - expected).mean() < 8
    with open_source(path, backend="opencv") as source:
        assert np.array_equal(next(source).image_rgb, image)


def test_mirrored_video_is_mirrored_back(
    make_video: Callable[..., Path], make_picture: Callable[..., np.ndarray]
) -> None:
    path = make_video("mirrored.mp4", flip=True, num_frames=2)
    with open_source(path) as source:
        image = next(source).image_rgb
    assert np.abs(image.astype(int) - make_picture(0)[:, ::-1]).mean() < 8


def test_upright_pictures_are_contiguous(make_video: Callable[..., Path]) -> None:
    with open_source(make_video("rotated.mp4", rotation=90, num_frames=1)) as source:
        assert next(source).image_rgb.flags.c_contiguous


def test_a_matrix_that_is_no_quarter_turn_leaves_the_picture() -> None:
    skewed = np.array([40000, 20000, 0, -20000, 40000, 0, 0, 0, 1 << 30], np.int32)
    assert Orientation.from_display_matrix(skewed.tobytes()) == Orientation()
    assert Orientation.from_display_matrix(b"short") == Orientation()


@pytest.mark.parametrize(
    ("matrix", "same"),
    [
        ((0, 1, -1, 0), lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE)),
        ((0, -1, 1, 0), lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE)),
        ((-1, 0, 0, -1), lambda image: cv2.rotate(image, cv2.ROTATE_180)),
        ((1, 0, 0, -1), lambda image: cv2.flip(image, 0)),
        ((0, 1, 1, 0), lambda image: cv2.transpose(image)),
    ],
)
def test_a_matrix_turns_pixels_where_it_says(
    matrix: tuple[int, int, int, int], same: Callable[[np.ndarray], np.ndarray]
) -> None:
    a, b, c, d = (value << 16 for value in matrix)
    packed = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], np.int32).tobytes()
    image = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    turned = Orientation.from_display_matrix(packed).apply(image)
    assert np.array_equal(turned, same(image))
