"""Which pictures of a camera that just came back can be believed."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["PictureCheck"]

# Less contrast than the noise of a sensor in the dark, in grey levels of 256.
_BLANK_CONTRAST = 1.5
_SAMPLE_STEP = 4


class PictureCheck:
    """Looks at the first pictures after a reconnect until one can be believed.

    Decoders and cameras begin with grey, green or black pictures, or with the last one that they
    remember. A picture of next to no contrast, or equal to the bit to the last one before the gap
    or to the one before it, is not believed; after ``settle_seconds`` all are, for a scene may be
    dark or drawn.

    Args:
        before: The last picture before the gap, shape (height, width, 3); None if there was none.
        settle_seconds: How long pictures are doubted at most.

    Example:
        >>> check = PictureCheck(None, settle_seconds=5.0)
        >>> check.believes(np.full((48, 64, 3), 128, np.uint8), seconds=0.0)
        False
        >>> check.believes(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8), 0.1)
        True
    """

    def __init__(self, before: NDArray[np.uint8] | None, settle_seconds: float) -> None:
        self._known = [] if before is None else [before]
        self._num_kept = len(self._known)
        self._settle_seconds = settle_seconds
        self._settled = False

    def believes(self, image_rgb: NDArray[np.uint8], seconds: float) -> bool:
        """Whether a picture can be believed.

        Args:
            image_rgb: The next picture, shape (height, width, 3).
            seconds: Time since the first picture after the gap.
        """
        if self._settled:
            return True
        repeated = any(np.array_equal(image_rgb, known) for known in self._known)
        self._settled = seconds >= self._settle_seconds or not (repeated or _is_blank(image_rgb))
        self._known = [] if self._settled else [*self._known[: self._num_kept], image_rgb]
        return self._settled


def _is_blank(image_rgb: NDArray[np.uint8]) -> bool:
    sample = image_rgb[::_SAMPLE_STEP, ::_SAMPLE_STEP]
    return float(sample.std(axis=(0, 1)).max()) < _BLANK_CONTRAST
