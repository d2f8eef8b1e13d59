"""When an action counts as begun and as ended."""

from vidcache.config.section import Score, Seconds, Section

__all__ = ["EventSettings"]


class EventSettings(Section):
    """When an action counts as begun and as ended.

    Attributes:
        enter: Score from which an action may begin; None for the model's own threshold.
        leave: Score below which it may end; None for three quarters of ``enter``.
        min_seconds: How long the score must hold before the action counts as begun.
        min_gap_seconds: How long it must stay below ``leave`` before the action counts as ended.
    """

    enter: Score | None = None
    leave: Score | None = None
    min_seconds: Seconds = 0.5
    min_gap_seconds: Seconds = 0.25
