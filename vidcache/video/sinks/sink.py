"""Where results go: one protocol for every output."""

from types import TracebackType
from typing import Any, Protocol

from vidcache.frames import Discontinuity, Frame, FrameResult

__all__ = ["Sink"]


class Sink(Protocol):
    """An output for results, opened once, written frame by frame, closed once.

    A sink may also have a ``name`` (what it is called in records and timings), ``num_dropped``
    (results that it left out) and ``stage_times`` (seconds and frames of each stage of work on
    threads of its own, by name); a run tells of them. One whose ``keeps_results`` is False only
    looks on: a live run does not go on for it when all other outputs have failed.

    Leaving its ``with`` block closes a sink that was not closed, without an end record.

    Attributes:
        closed: True once it takes no more results; a window that its user closed says so too.
    """

    @property
    def closed(self) -> bool:
        """True once it takes no more results."""
        ...

    def open(self, header: dict[str, Any]) -> None:
        """Begin.

        Args:
            header: The fields of the JSONL header: ``source``, ``labels``, ``size``, …; and where
                the source knows it, its ``duration`` in seconds.

        Raises:
            SinkError: The output cannot be opened.
        """
        ...

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Take one result and the frame that it belongs to, in order.

        Raises:
            SinkError: It cannot be written. What was written before stays readable.
        """
        ...

    def announce(self, discontinuity: Discontinuity) -> None:
        """Take note that no frames come until further notice: a camera was lost.

        It is called between two `write`, when it happens. Every other discontinuity rides in
        the `FrameResult.events` of the frame after it. An output of frames may ignore it.

        Raises:
            SinkError: It cannot be written.
        """
        ...

    def close(self, end: dict[str, Any] | None = None) -> None:
        """End. Closing twice is fine.

        Args:
            end: The fields of the JSONL end record; None says that it was cut short.
        """
        ...

    def __enter__(self) -> "Sink": ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
