"""What the pipeline asks of a detector and of a tracker."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vidcache.frames import Track

__all__ = [
    "Detection",
    "Detector",
    "PoseEstimator",
    "PredictingTracker",
    "Tracker",
    "TwoStepTracker",
]


@dataclass(frozen=True)
class Detection:
    """One object that a detector sees in one picture.

    Attributes:
        label: Class name, such as ``person``.
        score: Confidence, 0 to 1.
        box_xyxy: Left, top, right, bottom in pixels of the picture.
    """

    label: str
    score: float
    box_xyxy: tuple[float, float, float, float]


@runtime_checkable
class Detector(Protocol):
    """Finds objects in single pictures. It remembers nothing, so streams may share one.

    Example:
        >>> import numpy as np
        >>> class Everything:
        ...     name, description = "everything", "one box around the picture"
        ...     def detect(self, image_rgb):
        ...         height, width = image_rgb.shape[:2]
        ...         return (Detection("picture", 1.0, (0.0, 0.0, float(width), float(height))),)
        >>> Everything().detect(np.zeros((4, 6, 3), np.uint8))[0].box_xyxy
        (0.0, 0.0, 6.0, 4.0)
    """

    @property
    def name(self) -> str:
        """Short name, such as the file name of the model."""
        ...

    @property
    def description(self) -> str:
        """One line: which model, and why this one."""
        ...

    def detect(self, image_rgb: NDArray[np.uint8]) -> tuple[Detection, ...]:
        """Finds the objects of one picture.

        Args:
            image_rgb: The picture, shape (height, width, 3), uint8.

        Returns:
            The objects, best first.
        """
        ...


@runtime_checkable
class PoseEstimator(Protocol):
    """Sees the keypoints of people whose boxes something else found. It remembers nothing.

    Example:
        >>> import numpy as np
        >>> class Middles:
        ...     def estimate(self, image_rgb, boxes_xyxy):
        ...         middles = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2
        ...         places = np.repeat(middles[:, None], 17, axis=1)
        ...         return np.concatenate([places, np.ones((len(places), 17, 1))], axis=2)
        >>> image = np.zeros((4, 6, 3), np.uint8)
        >>> Middles().estimate(image, np.array([[0.0, 0.0, 2.0, 4.0]])).shape
        (1, 17, 3)
        >>> isinstance(Middles(), PoseEstimator)
        True
    """

    def estimate(
        self, image_rgb: NDArray[np.uint8], boxes_xyxy: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Finds the keypoints of people in one picture.

        Args:
            image_rgb: The picture, shape (height, width, 3), uint8.
            boxes_xyxy: Their boxes: left, top, right, bottom in pixels, shape (people, 4).

        Returns:
            Keypoints in COCO's order: x, y in pixels and a score, shape (people, 17, 3); NaN for
            a person of whom it sees none.
        """
        ...


@runtime_checkable
class Tracker(Protocol):
    """Follows objects through the frames of one stream. Each stream needs its own."""

    @property
    def name(self) -> str:
        """Short name, such as ``bytetrack``."""
        ...

    @property
    def description(self) -> str:
        """One line: which detector and tracker, and why these."""
        ...

    @property
    def session(self) -> int:
        """Number of the session, from 0; every `reset` starts a new one."""
        ...

    def update(self, image_rgb: NDArray[np.uint8]) -> tuple[Track, ...]:
        """Looks at the next frame.

        Args:
            image_rgb: The picture, shape (height, width, 3), uint8.

        Returns:
            The objects that are seen and confirmed in this frame, in the order of their numbers.
        """
        ...

    def reset(self) -> None:
        """Forgets every object and starts a new session, whose numbers begin at 1."""
        ...

    def twin(self) -> "Tracker":
        """Makes a tracker for another stream, as new, that shares what both can share.

        Returns:
            A tracker with the same detector and settings. It may be used at the same time.
        """
        ...


@runtime_checkable
class TwoStepTracker(Tracker, Protocol):
    """A tracker whose look at a picture can be taken ahead, on other threads.

    ``update(image)`` is ``follow(look([image])[0])``. A look knows nothing of the stream, so a
    tracker may look for its twins as well.
    """

    def look(self, images_rgb: Sequence[NDArray[np.uint8]]) -> list[Any]:
        """Finds what is in pictures, without using or changing what is remembered.

        Args:
            images_rgb: Pictures of one size, each (height, width, 3), uint8.

        Returns:
            For each picture what `follow` takes.
        """
        ...

    def follow(self, seen: Any) -> tuple[Track, ...]:
        """Goes on to the next frame with what was seen in it.

        Args:
            seen: What `look` returned for the next frame.

        Returns:
            As `update`.
        """
        ...


@runtime_checkable
class PredictingTracker(TwoStepTracker, Protocol):
    """A tracker that can go on through frames which no detector has looked at."""

    @property
    def can_predict(self) -> bool:
        """Whether it really can: of trackers of one kind some may not."""
        ...

    @property
    def wants_look(self) -> bool:
        """Whether a look at the next frame would settle something that the last one left open."""
        ...

    def predict(self, image_rgb: NDArray[np.uint8]) -> tuple[Track, ...]:
        """Goes on to the next frame without a look at it.

        Args:
            image_rgb: The picture, shape (height, width, 3), uint8.

        Returns:
            The objects of the last look that are still within the picture, where their motion has
            taken them, in the order of their numbers; without keypoints, and with the scores of
            that look.
        """
        ...
