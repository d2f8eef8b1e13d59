"""Actions of objects that begin and end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vidcache.frames import Event
from vidcache.pipeline.events import EventDetector
from vidcache.pipeline.object_memory import ObjectScores

__all__ = ["ObjectEvents"]


class ObjectEvents:
    """Finds the starts and ends of what each object does, with an `EventDetector` each.

    What an object does ends when it is not seen any more, by the rule of a score that has fallen.
    Nothing is held of objects that are gone and whose actions have ended.

    Args:
        make_detector: Makes the detector of one object, as new.

    Example:
        >>> from vidcache.frames import ActionScore
        >>> events = ObjectEvents(
        ...     lambda: EventDetector(enter=0.6, leave=0.4, min_seconds=0.0, min_gap_seconds=0.0))
        >>> events.update(0, 0.0, 0, {7: (ActionScore("walk", 0.9),)})
        [Event(kind='start', label='walk', frame=0, pts_seconds=0.0, object_id=7, session=0)]
        >>> events.update(1, 0.1, 0, {})
        [Event(kind='end', label='walk', frame=1, pts_seconds=0.1, object_id=7, session=0)]
    """

    def __init__(self, make_detector: Callable[[], EventDetector]) -> None:
        self._make_detector = make_detector
        self._detectors: dict[int, EventDetector] = {}
        self._session = 0

    def update(
        self, frame: int, pts_seconds: float, session: int, scores: ObjectScores
    ) -> list[Event]:
        """Takes the scores of the next frame.

        Args:
            frame: Index of the frame; it grows from call to call.
            pts_seconds: Its presentation time.
            session: The tracker's session; in a new one, numbers mean other objects.
            scores: The scores of every object that is seen.

        Returns:
            What became known with this frame, in the order of its frames.
        """
        events = [] if session == self._session else self.finish(frame, pts_seconds)
        self._session = session
        for number in scores:
            if number not in self._detectors:
                self._detectors[number] = self._make_detector()
        for number, detector in list(self._detectors.items()):
            now = {score.label: score.score for score in scores.get(number, ())}
            found = detector.update(frame, pts_seconds, now)
            events += [self._of(number, event) for event in found]
            if number not in scores and not detector.open_labels:
                del self._detectors[number]
        return sorted(events, key=lambda event: event.frame)

    def finish(self, frame: int, pts_seconds: float) -> list[Event]:
        """Ends what is still open; afterwards nothing is known of any object.

        Args:
            frame: Index after the last frame.
            pts_seconds: Time of the end of the stream.
        """
        events = [
            self._of(number, event)
            for number, detector in self._detectors.items()
            for event in detector.finish(frame, pts_seconds)
        ]
        self._detectors.clear()
        return sorted(events, key=lambda event: event.frame)

    def _of(self, number: int, event: Event) -> Event:
        return replace(event, object_id=number, session=self._session)
