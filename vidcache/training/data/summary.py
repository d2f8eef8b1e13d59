"""How much of what a data set holds: videos, minutes, and seconds of each label."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from vidcache.training.data.dataset import SPLITS, ActionDataset, LabelledVideo, Segment

__all__ = ["LabelSummary", "SplitSummary", "summarise"]

_Span = tuple[float, float]


@dataclass(frozen=True)
class LabelSummary:
    """How much of a label there is.

    Attributes:
        label: The label.
        num_videos: Videos that show it.
        num_segments: Its segments.
        seconds: For how long it is shown.
        median_seconds: Of its segments; 0 where there is none.
    """

    label: str
    num_videos: int
    num_segments: int
    seconds: float
    median_seconds: float


@dataclass(frozen=True)
class SplitSummary:
    """How much of what a split holds.

    Attributes:
        name: ``train``, ``validation`` or ``test``.
        num_videos: Its videos.
        seconds: Their length.
        background_seconds: For how long nothing is shown.
        ignored_seconds: For how long frames do not count.
        labels: All labels but the background.
    """

    name: str
    num_videos: int
    seconds: float
    background_seconds: float
    ignored_seconds: float
    labels: tuple[LabelSummary, ...]


def summarise(dataset: ActionDataset, lengths: Mapping[str, float]) -> list[SplitSummary]:
    """Counts what a data set holds.

    Args:
        dataset: The data set.
        lengths: Seconds by the name of the video; one that is not in it counts up to the end of its
            last segment.

    Returns:
        A summary of each split that has videos.

    Example:
        >>> from pathlib import Path
        >>> clip = LabelledVideo("a", Path("a.mp4"), (Segment(1.0, 2.5, "wave"),), "train")
        >>> data = ActionDataset(Path("clips"), ("background", "wave"), False, (clip,))
        >>> summarise(data, {"a": 4.0})[0].background_seconds
        2.5
    """
    return [
        _summarise_split(name, videos, dataset.labels[1:], lengths)
        for name in SPLITS
        if (videos := dataset.of(name))
    ]


def _summarise_split(
    name: str,
    videos: Sequence[LabelledVideo],
    labels: Iterable[str],
    lengths: Mapping[str, float],
) -> SplitSummary:
    spans: dict[str, list[list[_Span]]] = {label: [] for label in labels}
    total = busy = ignored = 0.0
    for video in videos:
        length = lengths.get(video.name, _last_end(video))
        total += length
        not_counted = _clip(video.ignored, length)
        ignored += _covered(not_counted)
        busy += _covered(_clip(video.segments, length) + not_counted)
        for label in {segment.label for segment in video.segments}:
            own = [segment for segment in video.segments if segment.label == label]
            spans[label].append(_clip(own, length))
    summaries = tuple(_summarise_label(label, found) for label, found in spans.items())
    return SplitSummary(name, len(videos), total, total - busy, ignored, summaries)


def _summarise_label(label: str, spans: list[list[_Span]]) -> LabelSummary:
    """Sums up the spans of a label, a list for each video that shows it."""
    lengths = [end - start for of_video in spans for start, end in of_video]
    seconds = sum(_covered(of_video) for of_video in spans)
    return LabelSummary(
        label, len(spans), len(lengths), seconds, median(lengths) if lengths else 0.0
    )


def _last_end(video: LabelledVideo) -> float:
    ends = [segment.end for segment in (*video.segments, *video.ignored)]
    return max((end for end in ends if end != float("inf")), default=0.0)


def _clip(segments: Iterable[Segment], length: float) -> list[_Span]:
    """The segments as spans within a video."""
    return [
        (segment.start, min(segment.end, length)) for segment in segments if segment.start < length
    ]


def _covered(spans: Iterable[_Span]) -> float:
    """How many seconds some spans cover together."""
    seconds = reached = 0.0
    for start, end in sorted(spans):
        seconds += max(end - max(start, reached), 0.0)
        reached = max(end, reached)
    return seconds
