"""How much of a picture has changed since an earlier one, where it changed most."""

import math

import numpy as np
from numpy.typing import NDArray

from vidcache.video.small_grey import shrink_to_grey

__all__ = ["PictureChange"]

_Floats = NDArray[np.float32]

# Side of the small picture that would be a square of the same area, in points.
_SIDE = 128
# Width of the place whose change is averaged, in points: noise of the camera and of its codec is
# gone, and a person of whom a detector could make anything out is still larger.
_PLACE = 4


class PictureChange:
    """Compares pictures with one that is kept.

    A picture is made small, and its brightness is compared place by place. What counts is the
    place that changed most: somebody small who moves is seen as well as somebody large. Light that
    changes everywhere alike does not count.

    Example:
        >>> import numpy as np
        >>> street = np.full((90, 160, 3), 100, np.uint8)
        >>> somebody = street.copy()
        >>> somebody[40:52, 20:25] = 200
        >>> change = PictureChange()
        >>> change.since(street)
        inf
        >>> change.keep()
        >>> change.since(street + np.uint8(20)), change.since(somebody) > 20
        (0.0, True)
    """

    def __init__(self) -> None:
        self._kept: _Floats | None = None
        self._newest: _Floats | None = None

    def since(self, image_rgb: NDArray[np.uint8]) -> float:
        """How much a picture differs from the one that is kept.

        Args:
            image_rgb: The picture, (height, width, 3).

        Returns:
            Mean difference of the place that changed most, in grey levels; infinite if none is
            kept, or one of another shape.
        """
        import cv2

        self._newest = now = _small(image_rgb)
        if self._kept is None or self._kept.shape != now.shape:
            return math.inf
        change = now - self._kept
        change -= np.median(change)
        return float(cv2.blur(np.abs(change), (_PLACE, _PLACE)).max())

    def keep(self) -> None:
        """Keeps the newest picture: the next ones are compared with it."""
        self._kept = self._newest


def _small(image_rgb: NDArray[np.uint8]) -> _Floats:
    """Brightness in a small picture of about the same proportions."""
    height, width = image_rgb.shape[:2]
    scale = _SIDE / math.sqrt(width * height)
    size = (max(_PLACE, round(width * scale)), max(_PLACE, round(height * scale)))
    return shrink_to_grey(image_rgb, size)
