import math

import numpy as np
import pytest

pytest.importorskip("cv2")

from vidcache.video.picture_change import PictureChange


@pytest.fixture
def street():
    rng = np.random.default_rng(0)
    blocks = rng.integers(40, 200, (18, 32, 3), np.uint8)
    return np.kron(blocks, np.ones((40, 40, 1), np.uint8))


def since(kept, now):
    change = PictureChange()
    change.since(kept)
    change.keep()
    return change.since(now)


def test_nothing_is_kept_before_the_first_picture(street):
    assert since(street, street) == 0.0
    assert PictureChange().since(street) == math.inf


def test_somebody_small_counts_as_much_as_somebody_large(street):
    small, large = street.copy(), street.copy()
    small[300:360, 600:624] = 255 - small[300:360, 600:624]
    large[100:700, 500:740] = 255 - large[100:700, 500:740]
    # A person of 60 pixels in a picture of 1280 x 720.
    assert since(street, small) > 25
    assert since(street, large) > 25


def test_noise_and_light_that_changes_everywhere_count_little(street):
    rng = np.random.default_rng(1)
    noisy = [
        np.clip(street + rng.normal(0, 6, street.shape), 0, 255).astype(np.uint8) for _ in range(2)
    ]
    assert since(*noisy) < 6
    assert since(street, street + np.uint8(30)) < 1


def test_slow_changes_add_up_until_a_picture_is_kept(street):
    change = PictureChange()
    change.since(street)
    change.keep()
    seen = []
    for shift in range(0, 40, 4):
        walker = street.copy()
        walker[300:420, 600 + shift : 640 + shift] = 255
        if not shift:
            change.since(walker)
            change.keep()
        seen.append(change.since(walker))
    assert seen[0] == 0.0
    assert seen == sorted(seen)
    assert seen[-1] > 25


def test_a_picture_of_another_shape_is_another_picture(street):
    assert since(street, street[:, :900]) == math.inf
