"""What is remembered of one tracked object: its last second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidcache.errors import InputError
from vidcache.model.object_model.track_history import (
    NUM_KEYPOINTS,
    SPAN_SECONDS,
    TrackHistory,
)

__all__ = ["TrackMemory"]

_Floats = NDArray[np.float64]

# A source of up to 150 frames a second is remembered for the whole second.
_MAX_OBSERVATIONS = 151


@dataclass
class _Observation:
    seconds: float
    box_xyxy: _Floats
    keypoints: _Floats | None
    region: _Floats | None


class TrackMemory:
    """The last second of one track; nothing else is kept.

    Positions are kept in the pixels of the newest frame: where the camera moves, give its
    movement with every frame, and what is remembered moves along.

    Example:
        >>> memory = TrackMemory()
        >>> for frame in range(100):
        ...     memory.add(frame / 25, (10 + frame, 20, 50 + frame, 120))
        >>> len(memory)
        26
    """

    def __init__(self) -> None:
        self._observations: list[_Observation] = []

    def __len__(self) -> int:
        return len(self._observations)

    def add(
        self,
        seconds: float,
        box_xyxy: ArrayLike,
        keypoints: ArrayLike | None = None,
        region: ArrayLike | None = None,
        camera: ArrayLike | None = None,
    ) -> None:
        """Adds what is seen of the object in the newest frame.

        Args:
            seconds: Time of the frame; not before that of the last one.
            box_xyxy: Left, top, right, bottom in pixels.
            keypoints: Shape (17, 3): x, y in pixels and a score, in the order of COCO; None or
                NaN where none are seen.
            region: Features of the picture under the box, shape (R,).
            camera: The affine map, shape (2, 3), that takes pixels of the frame before to those of
                this one; None for a camera that stands still. Where the object was not seen in
                the frame before, see :meth:`move_camera`.

        Raises:
            InputError: A shape does not fit, the box is empty, or the time goes backwards.
        """
        if camera is not None:
            self.move_camera(camera)
        points = None if keypoints is None else np.array(keypoints, np.float64)
        if points is not None and points.shape != (NUM_KEYPOINTS, 3):
            raise InputError(f"keypoints of shape {points.shape}: give ({NUM_KEYPOINTS}, 3)")
        box = np.array(box_xyxy, np.float64)
        if box.shape != (4,) or not bool((box[2:] > box[:2]).all()):
            raise InputError(f"the box {box.tolist()} is empty: give left, top, right, bottom")
        if self._observations and not seconds >= self._observations[-1].seconds:
            raise InputError(
                f"an observation at {seconds} s after one at {self._observations[-1].seconds} s: "
                "give them in the order of their times"
            )
        features = None if region is None else np.array(region, np.float64)
        self._observations.append(_Observation(float(seconds), box, points, features))
        kept = self._observations[-_MAX_OBSERVATIONS:]
        self._observations = [seen for seen in kept if seconds - seen.seconds <= SPAN_SECONDS]

    def move_camera(self, camera: ArrayLike) -> None:
        """Follows the camera through a frame in which the object is not seen.

        Args:
            camera: The affine map, shape (2, 3), that takes pixels of the frame before to those of
                this one.

        Raises:
            InputError: The map has another shape, is not finite, or folds the picture flat.
        """
        matrix = np.array(camera, np.float64)
        if matrix.shape != (2, 3) or not bool(np.isfinite(matrix).all()):
            raise InputError(f"a camera map of shape {matrix.shape}: give a finite (2, 3)")
        zoom = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        if not zoom > 0:
            raise InputError(
                "a camera map without area: leave out frames of which nothing is known"
            )
        turn: _Floats = np.array([matrix[:, 0], matrix[:, 1]])
        for seen in self._observations:
            seen.box_xyxy = _moved_box(seen.box_xyxy, matrix, zoom)
            if seen.keypoints is not None:
                seen.keypoints[:, :2] = seen.keypoints[:, :2] @ turn + matrix[:, 2]

    def clear(self) -> None:
        """Forgets everything."""
        self._observations = []

    def history(self) -> TrackHistory:
        """Returns what is remembered, in the pixels of the newest frame.

        Raises:
            InputError: Nothing is remembered yet, or regions had several lengths.
        """
        if not self._observations:
            raise InputError("the memory of a track is empty: add an observation first")
        unseen = np.full((NUM_KEYPOINTS, 3), np.nan)
        lengths = {len(seen.region) for seen in self._observations if seen.region is not None}
        if len(lengths) > 1:
            raise InputError(f"regions of {sorted(lengths)} features in one track: give one kind")
        no_region = np.full(max(lengths, default=0), np.nan)
        return TrackHistory(
            np.array([seen.seconds for seen in self._observations]),
            np.array([seen.box_xyxy for seen in self._observations]),
            np.array(
                [
                    unseen if seen.keypoints is None else seen.keypoints
                    for seen in self._observations
                ]
            ),
            np.array(
                [no_region if seen.region is None else seen.region for seen in self._observations]
            ),
        )


def _moved_box(box: _Floats, matrix: _Floats, zoom: float) -> _Floats:
    """Moves a box's centre along and scales its sides: it stays upright."""
    center = matrix[:, :2] @ ((box[:2] + box[2:]) / 2) + matrix[:, 2]
    half = (box[2:] - box[:2]) / 2 * zoom
    return np.concatenate((center - half, center + half))
