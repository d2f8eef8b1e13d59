"""How a source is read."""

from typing import Any, Literal

from vidcache.config.section import Count, Positive, Section

__all__ = ["ReadSettings"]


class ReadSettings(Section):
    """How a source is read.

    Attributes:
        backend: ``auto`` reads cameras with OpenCV and all else with PyAV.
        max_size: Longest side of the frames in pixels; larger ones are shrunk while decoding.
        open_timeout: Seconds that a network source may take to open.
        read_timeout: Seconds that it may then take for the next packet.
        camera_size: Width and height to ask a camera for; it gives the nearest it can.
        camera_rate: Frames a second to ask a camera for.
    """

    backend: Literal["auto", "pyav", "opencv"] = "auto"
    max_size: Count | None = None
    open_timeout: Positive = 10.0
    read_timeout: Positive = 10.0
    camera_size: tuple[Count, Count] | None = None
    camera_rate: Positive | None = None

    def source_options(self) -> dict[str, Any]:
        """The options that `vidcache.open_source` takes, by name."""
        return self.model_dump()
