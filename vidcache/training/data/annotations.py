"""What a file of labels says, as it stands there: the form that all label sources are read into."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from vidcache.config.validation import nearest_name
from vidcache.training.data.dataset import SPLITS, SplitName
from vidcache.training.data.problems import Problems

__all__ = ["Annotations", "FrameArrays", "Place", "Row", "parse_seconds", "split_named"]

_SPLIT_NAMES: dict[str, SplitName] = {
    **{name: "train" for name in ("train", "training")},
    **{name: "validation" for name in ("validation", "val", "valid", "dev")},
    **{name: "test" for name in ("test", "testing")},
}


@dataclass(frozen=True)
class Place:
    """Where something stands.

    Attributes:
        path: The file or folder.
        line: The line, from 1; 0 where it has none.
        detail: Where in that line.
    """

    path: Path
    line: int = 0
    detail: str = ""

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line else ""
        return f"{self.path}{line}{', ' if self.detail else ''}{self.detail}"


@dataclass(frozen=True)
class Row:
    """One label of one stretch of a video.

    Attributes:
        start: Seconds.
        end: Seconds; infinite for a label that holds to the video's end.
        label: What is shown.
        place: Where that was said.
    """

    start: float
    end: float
    label: str
    place: Place


@dataclass(frozen=True)
class FrameArrays:
    """Arrays that stand for a video; see `LabelledVideo`."""

    features: Path
    targets: Path
    frame_rate: float


@dataclass
class Annotations:
    """Everything that a label source says.

    Attributes:
        path: The file or folder.
        published: A data set that others made: what is merely odd there is no mistake of its user.
        rows: The labels by the name of the video; none for a video that shows only background.
        places: Where each video is first named.
        splits: What a video is for, where the source says it, and where.
        labels: All labels in their order, where the source lists them.
        columns: The labels of the columns of the target arrays.
        ignored: Labels that the source itself wants ignored.
        arrays: What stands for the videos, where there are only arrays.
    """

    path: Path
    published: bool = False
    rows: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])
    places: dict[str, Place] = field(default_factory=dict[str, Place])
    splits: dict[str, tuple[SplitName, Place]] = field(
        default_factory=dict[str, tuple[SplitName, Place]]
    )
    labels: tuple[str, ...] | None = None
    columns: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    arrays: dict[str, FrameArrays] = field(default_factory=dict[str, FrameArrays])

    def add_video(self, name: str, place: Place) -> list[Row]:
        """Notes a video, which may be known already, and returns its rows."""
        self.places.setdefault(name, place)
        return self.rows.setdefault(name, [])

    def add_row(
        self, video: str, start: str, end: str, label: str, place: Place, problems: Problems
    ) -> None:
        """Notes a label, after a look at its times.

        Args:
            video: Name of the video.
            start: Seconds, or ``hours:minutes:seconds``, as it was written.
            end: The same.
            label: What is shown.
            place: Where that was said.
            problems: Where mistakes go.
        """
        times: dict[str, float] = {}
        for name, text in (("start", start), ("end", end)):
            try:
                times[name] = parse_seconds(text)
            except ValueError:
                problems.mistake(place, f"{name} is {text!r}: expected a number of seconds")
        rows = self.add_video(video, place)
        if len(times) < 2:
            return
        if times["start"] < 0:
            problems.mistake(place, f"start is {start}: expected 0 or more seconds")
        elif times["end"] <= times["start"]:
            problems.mistake(
                place, f"end is {end}, before or at the start ({start}): expected a later time"
            )
        elif not label:
            problems.mistake(place, "there is no label: expected what the segment shows")
        else:
            rows.append(Row(times["start"], times["end"], label, place))

    def add_split(self, video: str, split: SplitName, place: Place, problems: Problems) -> None:
        """Notes what a video is for; a video must not be for two things."""
        known, known_place = self.splits.setdefault(video, (split, place))
        if known != split:
            problems.mistake(
                place,
                f"{video!r} is in {split!r}, but in {known!r} too ({known_place}): a video "
                "belongs to one split",
            )


def parse_seconds(text: str) -> float:
    """Reads a time: seconds such as ``62.5``, or ``1:02.5``, or ``00:01:02.50``.

    Raises:
        ValueError: If it is none, or infinite.

    Example:
        >>> parse_seconds("00:01:02.50")
        62.5
    """
    parts = text.strip().split(":")
    if len(parts) > 3 or any("-" in part for part in parts[1:]):
        raise ValueError(text)
    seconds = float(parts[-1]) + sum(
        int(part) * 60**power for power, part in enumerate(reversed(parts[:-1]), start=1)
    )
    if not math.isfinite(seconds):
        raise ValueError(text)
    return seconds


def split_named(text: str, place: Place, problems: Problems) -> SplitName | None:
    """Understands the name of a split, in any of its usual spellings; None with a mistake noted."""
    split = _SPLIT_NAMES.get(text.strip().lower())
    if split is None:
        hint = nearest_name(text.strip().lower(), list(SPLITS))
        problems.mistake(place, f"unknown split {text!r}: {hint}")
    return split
