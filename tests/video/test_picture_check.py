import numpy as np
import pytest

from vidcache.video.picture_check import PictureCheck


def scene(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)


@pytest.mark.parametrize("colour", [(0, 0, 0), (128, 128, 128), (0, 135, 0)])
def test_black_grey_and_green_pictures_are_not_believed(colour: tuple[int, int, int]) -> None:
    check = PictureCheck(None, settle_seconds=5.0)
    blank = np.full((48, 64, 3), colour, np.uint8)
    assert not check.believes(blank, 0.0)
    assert not check.believes(blank, 0.04)
    assert check.believes(scene(0), 0.08)


def test_the_last_picture_before_the_gap_is_not_believed_again() -> None:
    check = PictureCheck(scene(0), settle_seconds=5.0)
    assert not check.believes(scene(0), 0.0)
    assert check.believes(scene(1), 0.04)


def test_once_a_picture_was_believed_all_are() -> None:
    check = PictureCheck(scene(0), settle_seconds=5.0)
    assert check.believes(scene(1), 0.0)
    assert check.believes(scene(1), 0.04)
    assert check.believes(np.zeros((48, 64, 3), np.uint8), 0.08)


def test_a_scene_that_really_is_dark_is_believed_after_a_while() -> None:
    check = PictureCheck(None, settle_seconds=5.0)
    night = np.zeros((48, 64, 3), np.uint8)
    assert [check.believes(night, seconds) for seconds in (0.0, 4.9, 5.0)] == [False, False, True]


def test_a_picture_of_another_size_is_no_repetition() -> None:
    check = PictureCheck(scene(0), settle_seconds=5.0)
    assert check.believes(scene(0)[:24], 0.0)
