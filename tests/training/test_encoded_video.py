import numpy as np
import pytest

from vidcache.errors import InputError
from vidcache.training.encoded_video import EncodedVideo

_ARRAYS = {
    "features": np.zeros((4, 2, 8), np.float16),
    "seconds": np.arange(4.0),
    "targets": np.zeros((4, 3), np.float32),
    "ignore": np.zeros(4, bool),
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": np.zeros((4, 8), np.float16)}, r"features\[:, None\]"),
        ({"seconds": np.arange(3.0)}, "seconds of 'a' has shape \\(3,\\)"),
        ({"ignore": np.zeros((4, 1), bool)}, "ignore"),
        ({"targets": np.zeros((5, 3), np.float32)}, "4 frames of features"),
        ({"targets": np.zeros(4, np.float32)}, "give \\(4, labels\\)"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(changes, message) -> None:
    with pytest.raises(InputError, match=message):
        EncodedVideo("a", **_ARRAYS | changes)


def test_the_length_is_that_of_the_frames() -> None:
    assert len(EncodedVideo("a", **_ARRAYS)) == 4
