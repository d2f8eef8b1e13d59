"""COCO's keypoints of the figures of synthetic streams."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from person_detector_figures import NUM_KEYPOINTS, PLACED, SEEN, mark_outside

from vidcache.training.synthetic.skeleton import joint
from vidcache.training.synthetic.stream import FigureView

# Places in COCO's order that a figure has a keypoint for. It has no face of its own: of nose, eyes
# and ears nothing is known.
_LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_NAMES = [f"{side}_{limb}" for limb in _LIMBS for side in ("left", "right")]
_FIRST_LIMB = 5
_WHOLE = 0.75


def keypoints_of(figures: Sequence[FigureView], size: tuple[int, int]) -> NDArray[np.float32]:
    """The keypoints of figures in pixels.

    Args:
        figures: What a synthetic frame says of them.
        size: Width and height of the picture.

    Returns:
        Shape (figures, 17, 3): x, y, and what is known of it (`person_detector_figures`).
    """
    keypoints = np.zeros((len(figures), NUM_KEYPOINTS, 3), np.float32)
    for row, figure in zip(keypoints, figures, strict=True):
        places = figure.keypoints_xy[[joint(name) for name in _NAMES]]
        row[_FIRST_LIMB:, :2] = places
        # Which part of a figure is hidden is not known, only how much of it.
        row[_FIRST_LIMB:, 2] = SEEN if figure.visibility >= _WHOLE else PLACED
    return mark_outside(keypoints, size)
