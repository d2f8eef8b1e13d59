"""The people of a training picture, and what happens to them when the picture is changed.

A keypoint is x, y and what is known of it: 2 for one that is seen, 1 for one whose place is known
but that may be hidden, 0 for one of which nothing is known, -1 for one outside the picture.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_KEYPOINTS = 17
SEEN, PLACED, UNKNOWN, OUTSIDE = 2, 1, 0, -1

# COCO's order: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles; left before right.
_MIRRORED = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
_VISIBLE = 0.35


@dataclass(frozen=True)
class Figures:
    """The people of a picture.

    Attributes:
        boxes: Left, top, right, bottom in pixels, shape (people, 4).
        keypoints: Keypoints in COCO's order, shape (people, 17, 3), pixels.
    """

    boxes: NDArray[np.float32]
    keypoints: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.boxes)

    def kept(self, which: NDArray[np.bool_]) -> "Figures":
        """Some of the people."""
        return Figures(self.boxes[which], self.keypoints[which])

    def shifted(self, x: float, y: float) -> "Figures":
        """The same people elsewhere."""
        boxes = self.boxes + np.float32([x, y, x, y])
        return Figures(boxes, self.keypoints + np.float32([x, y, 0]))

    def mirrored(self, width: int) -> "Figures":
        """The people of the mirrored picture: a left hand becomes a right one."""
        boxes, keypoints = self.boxes.copy(), self.keypoints[:, list(_MIRRORED)].copy()
        boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
        keypoints[..., 0] = width - keypoints[..., 0]
        return Figures(boxes, keypoints)

    def turned(self, matrix: NDArray, shift: NDArray) -> NDArray[np.float32]:
        """The keypoints after ``matrix @ place + shift``, shape (people, 17, 3)."""
        places = self.keypoints[..., :2] @ matrix.T + shift
        return np.concatenate([places, self.keypoints[..., 2:]], axis=-1).astype(np.float32)

    def moved(self, matrix: NDArray, shift: NDArray, size: tuple[int, int]) -> "Figures":
        """The people that are still in a picture of another size after a small turn."""
        centre = (self.boxes[:, :2] + self.boxes[:, 2:]) / 2 @ matrix.T + shift
        half = (self.boxes[:, 2:] - self.boxes[:, :2]) / 2
        # A turn of a few degrees widens a person's box by less than the full corners would.
        wider = half[:, ::-1] * np.abs([matrix[0, 1], matrix[1, 0]]) / 3
        half = half * np.abs(np.diag(matrix)) + wider
        whole = np.concatenate([centre - half, centre + half], axis=1)
        seen = np.clip(whole, 0, np.array([*size, *size]))
        sides = seen[:, 2:] - seen[:, :2]
        area = np.maximum(np.prod(whole[:, 2:] - whole[:, :2], axis=1), 1)
        stays = (np.prod(sides, axis=1) / area > _VISIBLE) & (sides.min(axis=1) > 4)
        keypoints = mark_outside(self.turned(matrix, shift), size)
        return Figures(seen.astype(np.float32), keypoints).kept(stays)

    def behind(self, left: float, top: float, right: float, bottom: float) -> "Figures":
        """The people after something was put before them: keypoints there may be hidden."""
        keypoints = self.keypoints.copy()
        x, y = keypoints[..., 0], keypoints[..., 1]
        covered = (x > left) & (x < right) & (y > top) & (y < bottom)
        keypoints[..., 2][covered & (keypoints[..., 2] == SEEN)] = PLACED
        return Figures(self.boxes, keypoints)


def join(parts: list[Figures]) -> Figures:
    """The people of several parts of a picture."""
    boxes = np.concatenate([part.boxes for part in parts])
    return Figures(boxes, np.concatenate([part.keypoints for part in parts]))


def figures_of(boxes: list, keypoints: list) -> Figures:
    """People from lists; without keypoints nothing is known of any."""
    found = np.array(boxes, np.float32).reshape(-1, 4)
    if not keypoints:
        return Figures(found, np.zeros((len(found), NUM_KEYPOINTS, 3), np.float32))
    return Figures(found, np.array(keypoints, np.float32).reshape(-1, NUM_KEYPOINTS, 3))


def mark_outside(keypoints: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Says of known keypoints that lie outside a picture (width, height) that they do."""
    marked = keypoints.copy()
    inside = ((marked[..., :2] >= 0) & (marked[..., :2] < np.array(size))).all(-1)
    marked[..., 2][~inside & (marked[..., 2] > UNKNOWN)] = OUTSIDE
    return marked
