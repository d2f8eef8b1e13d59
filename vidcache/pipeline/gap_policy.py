"""What a break in a stream does to the temporal memory, to its time, and to the tracker."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vidcache.config import GapSettings
from vidcache.frames import Discontinuity

__all__ = ["TIME_LEAPS", "GapAction", "GapPolicy", "StreamSeconds"]

TIME_LEAPS = ("reconnect", "timestamp_jump")
"""The reasons of breaks during which time passes unseen."""


@dataclass(frozen=True)
class GapAction:
    """What happens in front of a frame.

    Attributes:
        state: ``"age"``: the memory goes on, and the time that has passed counts (where nothing
            is the matter too). ``"keep"``: it goes on as if no more time had passed than between
            any two frames. ``"reset"``: it begins anew.
        new_session: Whether the tracker begins anew.
    """

    state: Literal["keep", "age", "reset"] = "age"
    new_session: bool = False


class GapPolicy:
    """Says what the breaks in front of a frame do, by the rules of the settings.

    Of several breaks the one that asks for more decides: ``reset`` before ``age`` before ``keep``.
    A break of a reason that has no rule, such as ``disconnect``, does nothing.

    Args:
        settings: The rules.

    Example:
        >>> policy = GapPolicy(GapSettings())
        >>> policy.decide([Discontinuity("reconnect", 250, 10.5, seconds=0.5)])
        GapAction(state='age', new_session=False)
        >>> policy.decide([Discontinuity("reconnect", 250, 310.0, seconds=300.0)])
        GapAction(state='reset', new_session=True)
    """

    def __init__(self, settings: GapSettings) -> None:
        self._settings = settings
        self._state: dict[str, str] = settings.state.model_dump()
        self._tracker: dict[str, str] = settings.tracker.model_dump()

    def decide(self, gaps: Sequence[Discontinuity]) -> GapAction:
        """What the breaks in front of one frame do.

        Args:
            gaps: All of them; none, where the frame follows from the one before it.
        """
        known = [gap for gap in gaps if gap.reason in self._state]
        if not known:
            return GapAction()
        states = {self._state[gap.reason] for gap in known}
        trackers = {self._tracker[gap.reason] for gap in known}
        if "reset" in states or any(self._outlasts_memory(gap) for gap in known):
            state = "reset"
        else:
            state = "age" if "age" in states else "keep"
        new_session = "reset" in trackers or any(self._outlasts_tracks(gap) for gap in known)
        return GapAction(state, new_session)

    def _outlasts_memory(self, gap: Discontinuity) -> bool:
        limit = self._settings.state_reset_seconds
        # A clock that was set back is no reason to forget.
        return (
            limit is not None
            and gap.reason in TIME_LEAPS
            and gap.seconds is not None
            and gap.seconds > limit
        )

    def _outlasts_tracks(self, gap: Discontinuity) -> bool:
        limit = self._settings.tracker_reset_seconds
        if limit is None or gap.reason not in TIME_LEAPS:
            return False
        return gap.seconds is None or gap.seconds > limit


class StreamSeconds:
    """Turns presentation times into the seconds that the temporal memory counts.

    They never go back. They are the presentation times themselves up to the first break that is
    to be left out (`GapAction.state` is ``"keep"``), where they take the step of the frame before.

    Example:
        >>> seconds = StreamSeconds()
        >>> [seconds.next(pts, GapAction()) for pts in (0.0, 0.5, 1.0)]
        [0.0, 0.5, 1.0]
        >>> seconds.next(61.0, GapAction("keep"))
        1.5
    """

    def __init__(self) -> None:
        self._pts_seconds: float | None = None
        self._seconds = 0.0
        self._step = 0.0
        self._left_out = 0.0

    def next(self, pts_seconds: float, action: GapAction) -> float:
        """The time of the next frame.

        Args:
            pts_seconds: Its presentation time.
            action: What happens in front of it.
        """
        if self._pts_seconds is None:
            self._pts_seconds = self._seconds = pts_seconds
            return pts_seconds
        step = max(0.0, pts_seconds - self._pts_seconds)
        if action.state == "keep":
            self._left_out += max(0.0, step - self._step)
        else:
            self._step = step
        self._pts_seconds = pts_seconds
        self._seconds = max(self._seconds, pts_seconds - self._left_out)
        return self._seconds
