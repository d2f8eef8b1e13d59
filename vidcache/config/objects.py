"""How every tracked person is labelled."""

from typing import Literal

from vidcache.config.section import Count, Name, Score, Seconds, Section

__all__ = ["ObjectSettings"]


class ObjectSettings(Section):
    """How every tracked person is labelled, where ``actions`` is ``per-object`` or ``both``.

    Attributes:
        model: Name of a bundled model of objects' actions, or the path of a model file.
        threshold: Score below which an object's action is ``unsure``; None for the model's own.
        labels: The detector's labels whose objects get actions.
        keep_seconds: How long the memory of an object is kept that is not seen.
        max_tracks: How many objects of a source are remembered at most, those that are not seen
            included; of these, the one that was not seen for longest makes room.
        pose: What finds keypoints where the model wants them and the detector gives none:
            ``auto``, ``none``, a pose model's name, or the path of a model file.
        camera_motion: Whether the camera's own movement is taken out of that of the objects.
    """

    model: Name = "person"
    threshold: Score | None = None
    labels: tuple[str, ...] = ("person",)
    keep_seconds: Seconds = 5.0
    max_tracks: Count = 256
    pose: Name = "auto"
    camera_motion: Literal["auto", "off"] = "auto"
