"""Keypoints for boxes that a detector without keypoints found."""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import InputError, ModelError
from vidcache.tracking.box_overlaps import box_overlaps
from vidcache.tracking.detector import UltralyticsDetector

__all__ = ["UltralyticsPose"]

_NUM_KEYPOINTS = 17


class UltralyticsPose:
    """A pose model of Ultralytics beside another detector.

    It looks at the whole picture by itself, and a box gets the keypoints of the person whose own
    box overlaps it most; each person serves one box, best overlap first.

    Args:
        model: ``auto-pose``, ``bundled-pose``, a published name or a path: see `find_model`.
        image_size: Longer side of the picture that the model sees, in pixels; None for what the
            model was trained or exported with.
        confidence: People with a lower score are left out.
        min_overlap: A box and a person are the same from this intersection over union on.
        device: Where it runs, such as ``cpu`` or ``cuda:0``.
        precision: ``auto``, ``fp32`` or ``bf16``, as for `UltralyticsDetector`.

    Raises:
        ModelError: If the model is not found, cannot be fetched, or has not COCO's keypoints.
        MissingExtraError: If Ultralytics, or what runs this kind of model, is not installed.

    Example:
        >>> import numpy as np
        >>> estimator = UltralyticsPose("bundled-pose")
        >>> image = np.zeros((480, 640, 3), np.uint8)
        >>> keypoints = estimator.estimate(image, np.array([[10.0, 20.0, 60.0, 150.0]]))
        >>> keypoints.shape, bool(np.isnan(keypoints).all())  # it sees nobody there
        ((1, 17, 3), True)
    """

    def __init__(
        self,
        model: str | Path = "auto-pose",
        *,
        image_size: int | None = None,
        confidence: float = 0.1,
        min_overlap: float = 0.4,
        device: str = "cpu",
        precision: Literal["auto", "fp32", "bf16"] = "auto",
    ) -> None:
        self._detector = UltralyticsDetector(
            model, image_size=image_size, confidence=confidence, device=device, precision=precision
        )
        if not self._detector.has_keypoints:
            raise ModelError(
                f"{self._detector.name} has no keypoints, expected a pose model with the 17 of "
                f"COCO, such as yolo26n-pose.pt or bundled-pose"
            )
        self._min_overlap = min_overlap

    @property
    def description(self) -> str:
        """One line: which model, and why this one."""
        return self._detector.description

    def estimate(
        self, image_rgb: NDArray[np.uint8], boxes_xyxy: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Finds the keypoints of people in one picture.

        Args:
            image_rgb: The picture, shape (height, width, 3), uint8.
            boxes_xyxy: Their boxes: left, top, right, bottom in pixels, shape (people, 4).

        Returns:
            Keypoints in COCO's order: x, y in pixels and a score, shape (people, 17, 3); NaN for
            a box that overlaps nobody that the model sees.

        Raises:
            InputError: If the picture or the boxes have another shape.
        """
        boxes = np.asarray(boxes_xyxy, np.float32)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise InputError(f"boxes of shape {boxes.shape} were given, expected (people, 4)")
        keypoints = np.full((len(boxes), _NUM_KEYPOINTS, 3), np.nan, np.float32)
        (seen,) = self._detector.observe([image_rgb])
        if seen.keypoints is None or not len(boxes) or not len(seen.rows):
            return keypoints
        shares = box_overlaps(boxes, seen.rows[:, :4])
        for _ in range(min(shares.shape)):
            box, person = np.unravel_index(shares.argmax(), shares.shape)
            if shares[box, person] < self._min_overlap:
                break
            keypoints[box] = seen.keypoints[person]
            shares[box], shares[:, person] = -1.0, -1.0
        return keypoints
