"""What the stages are asked to do, and what they answer."""

from dataclasses import dataclass, field

from vidcache.frames import ActionScore, Discontinuity, Frame, Track
from vidcache.pipeline.gap_policy import GapAction
from vidcache.pipeline.object_memory import ObjectScores
from vidcache.pipeline.seats import Seat
from vidcache.tracking import Tracker

__all__ = ["Labelled", "Work"]


@dataclass(frozen=True)
class Work:
    """A group of consecutive frames of one source, and whose memory they belong to.

    Attributes:
        seat: The place of the source in the temporal cache.
        tracker: The source's own tracker; None follows no objects.
        frames: The frames.
        gaps: For each frame what sets it apart from the one before it.
        actions: For each frame what those gaps do to the memory and to the tracker.
        seconds: For each frame its time as the memory counts it.
        is_live: Whether the source is a camera, whose frames come one by one and may be computed
            together with those of others. A file's groups are computed by themselves, so that its
            results are to the bit those that it has alone.
        is_last: Whether the source is known to have no more frames.
    """

    seat: Seat
    tracker: Tracker | None
    frames: tuple[Frame, ...]
    gaps: tuple[tuple[Discontinuity, ...], ...]
    actions: tuple[GapAction, ...]
    seconds: tuple[float, ...]
    is_live: bool
    is_last: bool


@dataclass(frozen=True)
class Labelled:
    """One frame with what the models say about it.

    Attributes:
        frame: The frame.
        scores: Actions, best first.
        objects: Tracked objects.
        session: The tracker's session; 0 without a tracker.
        gaps: What sets the frame apart from the one before it.
        timings: Seconds spent on it by stage.
        object_scores: Actions of objects by their numbers, best first; empty where objects are
            not labelled one by one.
        labels: The labels that ``scores`` are of, in the order of the model; empty where the
            picture as a whole has not been labelled yet.
        is_predicted: Whether the tracker moved the objects without a look at the frame.
    """

    frame: Frame
    scores: tuple[ActionScore, ...]
    objects: tuple[Track, ...]
    session: int
    gaps: tuple[Discontinuity, ...]
    timings: dict[str, float]
    object_scores: ObjectScores = field(default_factory=ObjectScores)
    labels: tuple[str, ...] = ()
    is_predicted: bool = False
