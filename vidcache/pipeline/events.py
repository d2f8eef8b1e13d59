"""From scores, frame by frame, to actions that begin and end."""

from collections.abc import Mapping
from dataclasses import dataclass

from vidcache.errors import ConfigError
from vidcache.frames import Event

__all__ = ["EventDetector"]


@dataclass
class _Run:
    """One label's possible, open or closing action.

    Attributes:
        frame: First frame of the action.
        pts_seconds: Time of that frame.
        is_open: Whether the start was announced.
        low_frame: First frame below the leaving score, while the end is not sure yet.
        low_seconds: Time of that frame.
    """

    frame: int
    pts_seconds: float
    is_open: bool = False
    low_frame: int | None = None
    low_seconds: float = 0.0


class EventDetector:
    """Finds starts and ends of actions by two thresholds and two shortest times.

    An action begins at the first frame whose score reaches ``enter``; it is announced once
    ``min_seconds`` have passed without a frame below ``leave``. It ends at the first frame below
    ``leave``, once the score stayed there for ``min_gap_seconds``. So the frame of an event may
    lie before the frame at which it is announced. Several actions may be open at once.

    Args:
        enter: Score from which an action may begin, 0 to 1.
        leave: Score below which it may end, at most ``enter``.
        min_seconds: Shortest time of an action.
        min_gap_seconds: Shortest time between an end and what comes after it.
        ignored: Labels that never make an event, such as the label of an empty picture.

    Raises:
        ConfigError: If ``leave`` lies above ``enter`` or a time is negative.

    Example:
        >>> detector = EventDetector(enter=0.6, leave=0.4, min_seconds=0.0, min_gap_seconds=0.0)
        >>> [e.kind for e in detector.update(0, 0.0, {"walk": 0.9})]
        ['start']
        >>> [e.kind for e in detector.update(1, 0.1, {"walk": 0.5})]
        []
        >>> [e.kind for e in detector.update(2, 0.2, {"walk": 0.3})]
        ['end']
    """

    def __init__(
        self,
        *,
        enter: float,
        leave: float,
        min_seconds: float = 0.5,
        min_gap_seconds: float = 0.25,
        ignored: frozenset[str] = frozenset(),
    ) -> None:
        if leave > enter:
            raise ConfigError(
                f"events.leave ({leave:g}) must not lie above events.enter ({enter:g})"
            )
        if min_seconds < 0 or min_gap_seconds < 0:
            raise ConfigError("events.min_seconds and events.min_gap_seconds must not be negative")
        self.enter = enter
        self.leave = leave
        self.min_seconds = min_seconds
        self.min_gap_seconds = min_gap_seconds
        self.ignored = ignored
        self._runs: dict[str, _Run] = {}

    @property
    def open_labels(self) -> tuple[str, ...]:
        """The actions that have begun and not ended, oldest first."""
        return tuple(label for label, run in self._runs.items() if run.is_open)

    def update(self, frame: int, pts_seconds: float, scores: Mapping[str, float]) -> list[Event]:
        """Takes the scores of the next frame.

        Args:
            frame: Index of the frame; it grows from call to call.
            pts_seconds: Its presentation time.
            scores: Score of each label; a label that is missing counts as 0.

        Returns:
            What became known with this frame, in the order of its frames.
        """
        events: list[Event] = []
        for label in [*self._runs, *(name for name in scores if name not in self._runs)]:
            if label not in self.ignored:
                events += self._update_label(label, frame, pts_seconds, scores.get(label, 0.0))
        return sorted(events, key=lambda event: (event.frame, event.kind))

    def finish(self, frame: int, pts_seconds: float) -> list[Event]:
        """Ends what is still open; afterwards the detector is as new.

        Args:
            frame: Index after the last frame.
            pts_seconds: Time of the end of the stream.

        Returns:
            The missing ends. An action too short to have been announced leaves no event.
        """
        events = [
            Event("end", label, frame, pts_seconds)
            if run.low_frame is None
            else Event("end", label, run.low_frame, run.low_seconds)
            for label, run in self._runs.items()
            if run.is_open
        ]
        self._runs.clear()
        return sorted(events, key=lambda event: event.frame)

    def _update_label(self, label: str, frame: int, pts: float, score: float) -> list[Event]:
        run = self._runs.get(label)
        if run is None:
            if score < self.enter:
                return []
            run = self._runs[label] = _Run(frame, pts)
        if score >= self.leave:
            run.low_frame = None
            if run.is_open or pts - run.pts_seconds < self.min_seconds:
                return []
            run.is_open = True
            return [Event("start", label, run.frame, run.pts_seconds)]
        if not run.is_open:
            del self._runs[label]
            return []
        if run.low_frame is None:
            run.low_frame, run.low_seconds = frame, pts
        if pts - run.low_seconds < self.min_gap_seconds:
            return []
        del self._runs[label]
        return [Event("end", label, run.low_frame, run.low_seconds)]
