"""Tells people when a camera is lost and when it is back."""

from typing import Any

from vidcache.cli.console import show_message
from vidcache.frames import Discontinuity, Frame, FrameResult
from vidcache.video.closing import Closing

__all__ = ["NewsSink"]


class NewsSink(Closing):
    """A sink that writes nothing but a line to the standard error when a camera goes or comes.

    Args:
        name: What the camera is called.
    """

    keeps_results = False

    def __init__(self, name: str) -> None:
        self._name = name
        self._closed = False

    @property
    def closed(self) -> bool:
        """True once it takes no more results."""
        return self._closed

    def open(self, header: dict[str, Any]) -> None:
        """Takes no notice of how a run begins."""

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Says that the camera is back, if it is."""
        for event in result.events:
            if isinstance(event, Discontinuity) and event.reason == "reconnect":
                show_message(f"{self._name} is back: {event.detail}")

    def announce(self, discontinuity: Discontinuity) -> None:
        """Says that the camera is lost."""
        what = "is lost" if discontinuity.frame else "is not there yet"
        show_message(f"{self._name} {what}: {discontinuity.detail}; trying again")

    def close(self, end: dict[str, Any] | None = None) -> None:
        """Takes no notice of how a run ends."""
        self._closed = True
