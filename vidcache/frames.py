"""What flows through the pipeline: pictures in, labelled frames out.

All classes are frozen: a frame or a result can be handed to another thread as it is.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "PREDICTED",
    "ActionScore",
    "Discontinuity",
    "Event",
    "Frame",
    "FrameResult",
    "LabelChange",
    "Track",
]

PREDICTED = "predicted"
"""The flag of a result whose objects were moved on by the tracker: no detector saw its frame."""


@dataclass(frozen=True)
class Discontinuity:
    """A place where the stream does not follow from what came before.

    Attributes:
        reason: What happened: ``"disconnect"`` (no frames come until further notice),
            ``"reconnect"``, ``"timestamp_jump"``, ``"size_change"`` or ``"scene_cut"``.
        frame: Index of the first frame after it; of a disconnect, the index that the next frame
            will have, if one comes.
        pts_seconds: Presentation time of that frame; of a disconnect, that of the last one.
        detail: What is known about it, in words for people; empty if nothing more is.
        time: Wall-clock time at which it was seen (seconds since the epoch) for live sources.
        seconds: How long nothing was seen; None where nobody knows, or nothing was missed.
    """

    reason: str
    frame: int
    pts_seconds: float
    detail: str = ""
    time: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source, upright and in RGB.

    Attributes:
        image_rgb: The picture, shape (height, width, 3), uint8.
        index: Number of the frame within its source, from 0.
        pts_seconds: Presentation time within the source. It never decreases.
        time: Wall-clock arrival (seconds since the epoch) for live sources, else None.
        flags: What is known to be unusual about it: ``tainted``, ``after_gap``, …
        gaps: What its source knows to have happened between the frame before and this one.
    """

    image_rgb: NDArray[np.uint8]
    index: int
    pts_seconds: float
    time: float | None = None
    flags: tuple[str, ...] = ()
    gaps: tuple[Discontinuity, ...] = ()

    def __repr__(self) -> str:
        height, width = self.image_rgb.shape[:2]
        flags = f", flags={self.flags}" if self.flags else ""
        return f"Frame({width}x{height}, index={self.index}, pts={self.pts_seconds:.3f} s{flags})"


@dataclass(frozen=True)
class ActionScore:
    """One action and how sure the model is of it.

    Attributes:
        label: Name of the action.
        score: Calibrated probability, 0 to 1.
    """

    label: str
    score: float


@dataclass(frozen=True)
class Track:
    """One object that is followed from frame to frame.

    Attributes:
        id: Number of the object, unique within (source, session), from 1.
        label: Class name of the detector, such as ``person``.
        score: Confidence of the detector, 0 to 1; in a ``predicted`` frame, that of its last look.
        box_xyxy: Left, top, right, bottom in pixels of the upright frame.
        keypoints: Where a pose model sees its joints, shape (17, 3): x and y in pixels and a
            score, in the order of COCO; None where there is no pose. Two tracks are compared
            without it.
        action: The action shown for this object, or ``"unsure"``; None where objects are not
            labelled one by one.
        action_score: Calibrated probability of that action, 0 to 1.
    """

    id: int
    label: str
    score: float
    box_xyxy: tuple[float, float, float, float]
    keypoints: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    action: str | None = None
    action_score: float | None = None


@dataclass(frozen=True)
class Event:
    """An action that began or ended.

    Attributes:
        kind: ``"start"`` or ``"end"``.
        label: Name of the action.
        frame: Index of the first frame of the action, or of the first frame after it.
        pts_seconds: Presentation time of that frame.
        object_id: Number of the object that does it; None for an action of the whole picture.
        session: Session of the tracker that gave that number.
    """

    kind: Literal["start", "end"]
    label: str
    frame: int
    pts_seconds: float
    object_id: int | None = None
    session: int = 0


@dataclass(frozen=True)
class LabelChange:
    """A place where the labels of frames were changed for others.

    Attributes:
        frame: Index of the first frame with these labels.
        pts_seconds: Presentation time of that frame.
        labels: All labels from there on, in the order of the model.
    """

    frame: int
    pts_seconds: float
    labels: tuple[str, ...]


@dataclass(frozen=True)
class FrameResult:
    """Everything that vidcache says about one frame.

    Attributes:
        index: Number of the frame within its source, from 0.
        pts_seconds: Presentation time of the frame.
        action: The action shown: the best label, or ``"unsure"`` below the threshold.
        actions: Every action with its score, best first. Where only objects are labelled, it is the
            best among theirs; none where nobody is seen.
        objects: The tracked objects of the frame.
        session: Number of the tracker's session; a reset of the tracker starts a new one.
        time: Wall-clock arrival for live sources, else None.
        flags: The flags of the frame, and ``predicted`` where no detector has looked at it: then
            objects stand where their motion has taken them since the last look.
        events: Actions that began or ended, as known at this frame, discontinuities, and changes
            of the labels.
        timings: Seconds spent on this frame by stage name.
    """

    index: int
    pts_seconds: float
    action: str
    actions: tuple[ActionScore, ...]
    objects: tuple[Track, ...] = ()
    session: int = 0
    time: float | None = None
    flags: tuple[str, ...] = ()
    events: tuple[Event | Discontinuity | LabelChange, ...] = ()
    timings: dict[str, float] = field(default_factory=dict[str, float])
