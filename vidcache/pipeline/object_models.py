"""The models that label every tracked person."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcache.encoder import FrameEncoder
from vidcache.errors import ConfigError
from vidcache.frames import Track
from vidcache.model.object_model import ObjectActionModel
from vidcache.tracking import PoseEstimator

__all__ = ["ObjectModels"]


@dataclass(frozen=True, eq=False)
class ObjectModels:
    """The models that label every tracked person.

    Attributes:
        model: Says what each of them does.
        pose: Finds keypoints for the tracker's boxes; None where the detector gives them, or
            where they are done without.
        encoder: Says what the picture looks like under each box, for a model that asks for it
            (its ``sources`` have ``"region"``).

    Raises:
        ConfigError: The model asks for regions, and the encoder is missing or another one.
    """

    model: ObjectActionModel
    pose: PoseEstimator | None = None
    encoder: FrameEncoder | None = None

    def __post_init__(self) -> None:
        if "region" not in self.model.sources:
            return
        wanted = self.model.config.region_features
        given = 0 if self.encoder is None else self.encoder.num_features
        if given != wanted:
            raise ConfigError(
                f"the object model asks for {wanted} features of the picture under each box, and "
                f"the encoder gives {given}: use the action model that it was trained with"
            )

    @property
    def uses_camera_motion(self) -> bool:
        """Whether the model looks at how objects move, which a moving camera falsifies."""
        return bool({"motion", "pose"} & set(self.model.sources))

    def add_keypoints(
        self, image_rgb: NDArray[np.uint8], objects: tuple[Track, ...], people: Sequence[Track]
    ) -> tuple[Track, ...]:
        """Looks for the keypoints of people in their boxes, where there is a pose estimator.

        Args:
            image_rgb: The picture, shape (height, width, 3), uint8.
            objects: Everything that is tracked in it.
            people: Those of them that have keypoints.

        Returns:
            The objects in their order; without an estimator as they were.
        """
        if self.pose is None or not people:
            return objects
        boxes = np.array([track.box_xyxy for track in people])
        found = self.pose.estimate(image_rgb, boxes)
        keypoints = {track.id: points for track, points in zip(people, found, strict=True)}
        return tuple(
            dataclasses.replace(track, keypoints=_seen(keypoints.get(track.id)))
            for track in objects
        )

    def look_under(
        self, image_rgb: NDArray[np.uint8], people: Sequence[Track]
    ) -> NDArray[np.float32] | None:
        """Says what the picture looks like under boxes.

        Args:
            image_rgb: The picture, shape (height, width, 3), uint8.
            people: The objects, K of them.

        Returns:
            Features, shape (K, R); None where there is no encoder, or nobody is there.
        """
        if self.encoder is None or not people:
            return None
        boxes = np.array([track.box_xyxy for track in people])
        return self.encoder.regions(image_rgb, boxes).cpu().numpy()


def _seen(keypoints: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    """Keypoints, or None where an estimator found none."""
    return None if keypoints is None or np.isnan(keypoints).all() else keypoints
