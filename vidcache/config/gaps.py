"""What counts as a break in a stream, and what it does to the memory and to the tracker."""

from typing import Literal

from vidcache.config.section import Positive, Seconds, Section

__all__ = ["GapSettings", "MemoryRules", "TrackerRules"]

_TimeRule = Literal["keep", "age", "reset"]
_Rule = Literal["keep", "reset"]


class MemoryRules(Section):
    """What a break does to the temporal memory.

    ``keep``: it goes on as if no time had passed. ``age``: it goes on, and the time that passed
    counts, for heads and eviction policies that count seconds. ``reset``: it begins anew.

    Attributes:
        reconnect: The camera is back after it was lost.
        timestamp_jump: The presentation time took a leap.
        size_change: The picture has another size; what it shows is usually the same.
        scene_cut: The picture shows another scene. ``reset`` suits footage with hard cuts, where
            what was done before says little about what is done after; with ``keep`` what is said
            of each frame is what the head says of the whole clip.
    """

    reconnect: _TimeRule = "age"
    timestamp_jump: _TimeRule = "age"
    size_change: _Rule = "keep"
    scene_cut: _Rule = "keep"


class TrackerRules(Section):
    """What a break does to the tracker.

    ``keep``: objects keep their IDs. ``reset``: a new session begins, with IDs of its own.

    Attributes:
        reconnect: The camera is back after it was lost.
        timestamp_jump: The presentation time took a leap.
        size_change: The picture has another size: boxes of before are in other pixels.
        scene_cut: The picture shows another scene: nobody can be where they were.
    """

    reconnect: _Rule = "keep"
    timestamp_jump: _Rule = "keep"
    size_change: _Rule = "reset"
    scene_cut: _Rule = "reset"


class GapSettings(Section):
    """What counts as a break in a stream, and what it does to the memory and to the tracker.

    Attributes:
        seconds: A step in presentation time longer than this is a ``timestamp_jump``.
        scene_cuts: Whether hard cuts to another scene are looked for.
        state: What a break does to the temporal memory.
        state_reset_seconds: After a reconnect or a jump longer than this the memory begins anew,
            whatever its rule; None for never. The default lets a camera restart its stream, but
            not itself.
        tracker: What a break does to the tracker.
        tracker_reset_seconds: After a reconnect or a jump longer than this, or of unknown length,
            the tracker begins anew, whatever its rule; None for never. A person walks out of a box
            within a second, and then only a wrong one can be near it.
    """

    seconds: Positive = 2.0
    scene_cuts: bool = True
    state: MemoryRules = MemoryRules()
    state_reset_seconds: Seconds | None = 60.0
    tracker: TrackerRules = TrackerRules()
    tracker_reset_seconds: Seconds | None = 1.0
