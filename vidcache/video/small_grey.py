"""A small grey picture of a large one, for those who ask what changed."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["shrink_to_grey"]


def shrink_to_grey(image_rgb: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    """Brightness of a picture in a smaller one.

    Args:
        image_rgb: The picture, shape (height, width, 3), uint8.
        size: Width and height of the result, in pixels.

    Returns:
        Grey levels, 0 to 255, shape (size[1], size[0]).
    """
    import cv2

    height, width = image_rgb.shape[:2]
    if width > 4 * size[0] and height > 4 * size[1]:
        # Sixteen points of a large picture make one well enough, and the rest is not touched.
        dense = (4 * size[0], 4 * size[1])
        points = cv2.resize(image_rgb, dense, interpolation=cv2.INTER_NEAREST)
    else:
        points = image_rgb
    small = cv2.resize(points, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)
