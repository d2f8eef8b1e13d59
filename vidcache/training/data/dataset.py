"""What a data set is: videos, what they show and when, and which of them are for what."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from vidcache.errors import InputError

__all__ = ["SPLITS", "ActionDataset", "LabelledVideo", "Segment", "SplitName"]

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)


@dataclass(frozen=True)
class Segment:
    """A stretch of a video that shows a label.

    Attributes:
        start: Seconds from the video's first frame.
        end: Seconds at which it is over, more than ``start``.
        label: What is shown.
    """

    start: float
    end: float
    label: str


@dataclass(frozen=True)
class LabelledVideo:
    """A video of a data set, or the arrays that stand for one.

    Attributes:
        name: What it is called in the annotations.
        path: The video; None where only its features are there.
        segments: What it shows, by start; without the background, and without what is ignored.
        split: ``train``, ``validation`` or ``test``.
        features: An .npy file of features, shape (T, C), that stands for the video.
        targets_file: An .npy file of what its frames show, shape (T, ``len(columns)``).
        ignored: Stretches that count neither in training nor in evaluation.
        columns: The labels of the columns of ``targets_file``.
        frame_rate: Frames a second of the two arrays.
    """

    name: str
    path: Path | None
    segments: tuple[Segment, ...]
    split: SplitName
    features: Path | None = None
    targets_file: Path | None = None
    ignored: tuple[Segment, ...] = ()
    columns: tuple[str, ...] = ()
    frame_rate: float | None = None


@dataclass(frozen=True)
class ActionDataset:
    """Labelled videos.

    Attributes:
        path: The YAML file, CSV file or folder that it was read from.
        labels: All labels; the first is the background, which is shown where nothing else is.
        multi_label: Whether a frame may show several labels at once.
        videos: The videos, by name.
        warnings: What is odd about it, but no mistake: a line each.

    Example:
        >>> clip = LabelledVideo("a", Path("a.mp4"), (Segment(1.0, 2.5, "wave"),), "train")
        >>> data = ActionDataset(Path("clips"), ("background", "wave"), False, (clip,))
        >>> [video.name for video in data.of("train")]
        ['a']
    """

    path: Path
    labels: tuple[str, ...]
    multi_label: bool
    videos: tuple[LabelledVideo, ...]
    warnings: tuple[str, ...] = ()

    def of(self, split: str) -> tuple[LabelledVideo, ...]:
        """The videos of one split.

        Raises:
            InputError: There is no such split.
        """
        if split not in SPLITS:
            raise InputError(f"split {split!r}: expected one of {', '.join(SPLITS)}")
        return tuple(video for video in self.videos if video.split == split)
