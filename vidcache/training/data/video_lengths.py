"""How long the videos of a data set are, and whether its labels keep within them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from vidcache.errors import SourceError
from vidcache.training.data.annotations import Row
from vidcache.training.data.dataset import LabelledVideo
from vidcache.training.data.reading import ReadDataset
from vidcache.video import open_source

__all__ = ["measure_videos"]

# People read times off a player that shows tenths.
_READING_SECONDS = 0.1
# Only the length is wanted, not the pictures.
_SMALL = 64


def measure_videos(found: ReadDataset, on_video: Callable[[str], None]) -> dict[str, float]:
    """Opens every video of a data set, and notes those that cannot be and labels beyond their end.

    Args:
        found: The data set; what is wrong goes to its problems.
        on_video: Called with the name of each video once it was looked at.

    Returns:
        Seconds by the name of the video; without those that cannot be opened.
    """
    lengths: dict[str, float] = {}
    for video in found.dataset.videos if found.dataset is not None else ():
        rows = found.rows[video.name]
        try:
            length, frame_seconds = _measure(video)
        except SourceError as error:
            found.problems.mistake(rows[0].place if rows else video.path, str(error))
        else:
            lengths[video.name] = length
            for row in rows:
                _check_row(row, video, length, frame_seconds, found)
        on_video(video.name)
    return lengths


def _measure(video: LabelledVideo) -> tuple[float, float]:
    """Seconds of a video, and of one of its frames."""
    if video.features is not None and video.frame_rate is not None:
        return len(np.load(video.features, mmap_mode="r")) / video.frame_rate, 1 / video.frame_rate
    return _measure_file(video.path or Path())


def _measure_file(path: Path) -> tuple[float, float]:
    with open_source(path, max_size=_SMALL) as source:
        frame_seconds = 1 / source.frame_rate if source.frame_rate else 0.0
        if source.duration_seconds:
            return source.duration_seconds, frame_seconds
        # Raw streams say nothing of their length.
        last = max((frame.pts_seconds for frame in source), default=0.0)
        return last + frame_seconds, frame_seconds


def _check_row(
    row: Row, video: LabelledVideo, length: float, frame_seconds: float, found: ReadDataset
) -> None:
    if row.end == float("inf") or row.end <= length + max(_READING_SECONDS, frame_seconds):
        return
    name, time = ("start", row.start) if row.start >= length else ("end", row.end)
    text = f"{name} is {time:g}, but {video.name!r} is over at {length:.2f} s"
    if found.published:
        found.problems.warn(row.place, text, kind="beyond the end")
    else:
        found.problems.mistake(row.place, f"{text}: are the times seconds?")
