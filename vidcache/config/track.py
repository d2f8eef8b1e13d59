"""How objects are found and followed."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from vidcache.config.section import Score, Section

__all__ = ["TrackSettings"]


def _as_cadence(value: object) -> object:
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    if number == "auto" or (type(number) is int and number >= 1):
        return number
    raise ValueError("expected a number of frames, 1 or more, or auto")


DetectEvery = Annotated[int | Literal["auto"], BeforeValidator(_as_cadence)]


class TrackSettings(Section):
    """How objects are found and followed.

    Attributes:
        image_size: Longer side of the picture that the detector sees, in pixels; None for the
            model's own.
        confidence: Objects with a lower score are left out.
        classes: Labels to keep; None keeps all.
        detect_every: Every how many frames the detector looks, counted from the last break in the
            stream; the tracker moves objects in between. ``auto``: where the picture has changed
            since the last look, and at least at every tenth frame.
        settings: Settings that replace the tracker's shipped ones: a mapping or a YAML file.
    """

    image_size: Annotated[int, Field(ge=32)] | None = None
    confidence: Score = 0.1
    classes: tuple[str, ...] | None = None
    detect_every: DetectEvery = 1
    settings: dict[str, Any] | str | None = None
