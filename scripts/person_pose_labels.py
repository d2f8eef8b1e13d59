"""Keypoints and outlines of people in real pictures, as a pose model for single people sees them.

The model is the one in the wheel of MediaPipe 0.10.14 (Apache-2.0): 33 landmarks and a mask of the
person in a square of 256 px. It looks twice at every person, in two squares of different size; a
keypoint is a label where it is sure of it both times and says the same place.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from person_detector_figures import NUM_KEYPOINTS, PLACED, SEEN, UNKNOWN

MODEL = "mediapipe/modules/pose_landmark/pose_landmark_full.tflite"

# COCO's keypoints among the landmarks: nose, eyes, ears, then left and right by turns.
_LANDMARKS = [0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
_INPUT = 256
_LOOKS = ((1.25, 0.0, 0.0), (1.5, 0.06, -0.05))
_PRESENT = 0.7
_SURE = 0.75
_PERHAPS = 0.4
_AGREES = 0.05
_SMALLEST_HEIGHT = 48
_FEWEST = 6


@dataclass(frozen=True)
class Pose:
    """What is known of one person.

    Attributes:
        keypoints: Shape (17, 3), pixels; what is known of each (`person_detector_figures`).
        mask: Which part of each pixel of the picture is the person's, shape (height, width), 0–1.
    """

    keypoints: NDArray[np.float32]
    mask: NDArray[np.float32]


class PoseTeacher:
    """The pose model.

    Args:
        wheel: The unpacked wheel of MediaPipe.
    """

    def __init__(self, wheel: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._model = Interpreter(str(wheel / MODEL), num_threads=1)
        self._model.allocate_tensors()
        self._input = self._model.get_input_details()[0]["index"]
        self._outputs = {
            tuple(item["shape"].tolist()): item["index"]
            for item in self._model.get_output_details()
        }

    def look(self, image_rgb: NDArray[np.uint8], box: NDArray[np.float32]) -> Pose | None:
        """Labels one person.

        Args:
            image_rgb: The picture, shape (height, width, 3), uint8.
            box: The person's box in it, left, top, right, bottom.

        Returns:
            None where the person is too small, or the model sees nobody or says two things.
        """
        if box[3] - box[1] < _SMALLEST_HEIGHT:
            return None
        looks = [self._look(image_rgb, box, *where) for where in _LOOKS]
        if min(present for _, _, present, _ in looks) < _PRESENT:
            return None
        places = (looks[0][0] + looks[1][0]) / 2
        apart = np.linalg.norm(looks[0][0] - looks[1][0], axis=1) / max(box[2:] - box[:2])
        sure = np.minimum(looks[0][1], looks[1][1])
        known = np.full(NUM_KEYPOINTS, UNKNOWN, np.float32)
        known[(sure >= _PERHAPS) & (apart < _AGREES)] = PLACED
        known[(sure >= _SURE) & (apart < _AGREES)] = SEEN
        # Keypoints far outside the box are another person's.
        margin = 0.15 * (box[2:] - box[:2])
        inside = (places > box[:2] - margin) & (places < box[2:] + margin)
        known[~inside.all(axis=1)] = UNKNOWN
        if (known == SEEN).sum() < _FEWEST:
            return None
        keypoints = np.column_stack([places, known]).astype(np.float32)
        return Pose(keypoints, looks[0][3])

    def _look(
        self, image: NDArray[np.uint8], box: NDArray[np.float32], grown: float, x: float, y: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], float, NDArray[np.float32]]:
        """Places (17, 2), how sure of each, whether there is a person, and the mask."""
        side = grown * float(max(box[2:] - box[:2]))
        corner = (box[:2] + box[2:]) / 2 + side * np.array([x, y]) - side / 2
        scale = _INPUT / side
        matrix = np.array([[scale, 0, -scale * corner[0]], [0, scale, -scale * corner[1]]])
        if scale < 0.6:  # a plain warp would alias
            image = cv2.blur(image, (max(1, round(1 / scale)),) * 2)
        crop = cv2.warpAffine(image, matrix, (_INPUT, _INPUT)).astype(np.float32) / 255
        self._model.set_tensor(self._input, crop[None])
        self._model.invoke()
        marks = self._output(1, 195).reshape(39, 5)[_LANDMARKS]
        outline = _sigmoid(self._output(1, _INPUT, _INPUT, 1)[0, ..., 0])
        height, width = image.shape[:2]
        back = cv2.invertAffineTransform(matrix)
        mask = cv2.warpAffine(outline, back, (width, height)).astype(np.float32)
        sure = np.minimum(_sigmoid(marks[:, 3]), _sigmoid(marks[:, 4]))
        return marks[:, :2] / scale + corner, sure, float(self._output(1, 1)[0, 0]), mask

    def _output(self, *shape: int) -> NDArray[np.float32]:
        return self._model.get_tensor(self._outputs[shape])


def _sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return 1 / (1 + np.exp(-np.clip(values, -50, 50)))


def cut_out(
    image: NDArray[np.uint8], pose: Pose, box: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]] | None:
    """The person with a soft edge, RGBA, and its keypoints; None where the outline is doubtful."""
    height, width = image.shape[:2]
    mask = pose.mask.copy()
    left, top, right, bottom = np.clip(box.round().astype(int), 0, [width, height] * 2).tolist()
    mask[:top], mask[bottom:], mask[:, :left], mask[:, right:] = 0, 0, 0, 0
    solid = (mask > 0.5).astype(np.uint8)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(solid)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    x, y, wide, tall, area = stats[largest].tolist()
    half_seen = (mask > 0.15) & (mask < 0.85)
    doubtful = float(half_seen[y : y + tall, x : x + wide].mean())
    if tall < 0.85 * (bottom - top) or not 0.15 < area / (wide * tall) < 0.9 or doubtful > 0.25:
        return None
    alpha = np.where(cv2.dilate((parts == largest).astype(np.uint8), np.ones((3, 3))), mask, 0)
    person = np.dstack([image, (255 * alpha).astype(np.uint8)])[y : y + tall, x : x + wide]
    return person, pose.keypoints - np.float32([x, y, 0])
