"""The models that label every tracked person."""

from __future__ import annotations

from dataclasses import dataclass

from vidcache.encoder import FrameEncoder
from vidcache.errors import ConfigError
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
