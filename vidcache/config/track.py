"""How objects are found and followed."""

from typing import Annotated, Any

from pydantic import Field

from vidcache.config.section import Score, Section

__all__ = ["TrackSettings"]


class TrackSettings(Section):
    """How objects are found and followed.

    Attributes:
        image_size: Longer side of the picture that the detector sees, in pixels; None for the
            model's own.
        confidence: Objects with a lower score are left out.
        classes: Labels to keep; None keeps all.
        settings: Settings that replace the tracker's shipped ones: a mapping or a YAML file.
    """

    image_size: Annotated[int, Field(ge=32)] | None = None
    confidence: Score = 0.1
    classes: tuple[str, ...] | None = None
    settings: dict[str, Any] | str | None = None
