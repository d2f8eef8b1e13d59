"""How far boxes lie over each other."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["box_overlaps"]


def box_overlaps(one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.floating]:
    """Intersection over union of each box with each other one.

    Args:
        one: Boxes as left, top, right, bottom, shape (K, 4).
        other: Others, shape (L, 4).

    Returns:
        Shape (K, L), 0 to 1.
    """
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    inner = np.prod(np.maximum(high - low, 0), axis=-1)
    areas = [np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=-1) for boxes in (one, other)]
    return inner / np.maximum(areas[0][:, None] + areas[1][None] - inner, 1e-6)
