"""Segments in seconds become targets of frames: floor(start), ceil(end), at any frame rate."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import InputError
from vidcache.training.data.dataset import Segment

__all__ = ["frame_targets", "ignore_mask"]

_Floats = NDArray[np.floating]

# Times that were written in decimals meet a frame's time only up to rounding: without this a
# segment that begins exactly with a frame would often show in the frame before it too.
_ROUNDING_SECONDS = 1e-6


def frame_targets(
    segments: Sequence[Segment], labels: Sequence[str], starts: _Floats, end_seconds: float
) -> NDArray[np.float32]:
    """Tell what each frame shows.

    Frame t is shown from ``starts[t]`` to ``starts[t + 1]``, and shows every segment that it
    overlaps with. At a constant frame rate these are the frames from floor(start · rate) up to,
    but without, ceil(end · rate); where two segments meet within a frame it shows both.

    Args:
        segments: Of one video; those of the background change nothing.
        labels: All labels, the background first.
        starts: When each frame is first shown, in seconds, ascending, shape (T,).
        end_seconds: When the last frame is over.

    Returns:
        1 for each label that a frame shows and for the background where it shows none,
        shape (T, ``len(labels)``).

    Raises:
        InputError: The times do not ascend, or a segment's label is not in ``labels``.

    Example:
        >>> starts = np.array([0.0, 0.5, 1.0, 1.5])
        >>> frame_targets([Segment(0.6, 1.1, "wave")], ["none", "wave"], starts, 2.0)[:, 1]
        array([0., 1., 1., 0.], dtype=float32)
    """
    numbers = {label: number for number, label in enumerate(labels)}
    targets = np.zeros((len(starts), len(labels)), np.float32)
    for segment, frames in zip(segments, _frames_of(segments, starts, end_seconds), strict=True):
        if segment.label not in numbers:
            raise InputError(
                f"the segment at {segment.start:g} s shows {segment.label!r}: expected one of "
                f"the {len(labels)} labels"
            )
        targets[frames, numbers[segment.label]] = 1
    targets[:, 0] = ~targets[:, 1:].any(axis=1)
    return targets


def ignore_mask(
    segments: Sequence[Segment], starts: _Floats, end_seconds: float
) -> NDArray[np.bool_]:
    """Tell which frames overlap with any of some segments, such as `LabelledVideo.ignored`.

    Args:
        segments: Of one video.
        starts: When each frame is first shown, in seconds, ascending, shape (T,).
        end_seconds: When the last frame is over.

    Returns:
        True for the frames that do, shape (T,).

    Raises:
        InputError: The times do not ascend.
    """
    mask = np.zeros(len(starts), np.bool_)
    for frames in _frames_of(segments, starts, end_seconds):
        mask[frames] = True
    return mask


def _frames_of(segments: Sequence[Segment], starts: _Floats, end_seconds: float) -> list[slice]:
    """The frames that each segment overlaps with."""
    times = np.append(np.asarray(starts, np.float64), end_seconds)
    if not (times[1:] >= times[:-1]).all():
        raise InputError("the frames' times do not ascend: expected starts[0] ≤ … ≤ end_seconds")
    found: list[slice] = []
    for segment in segments:
        margin = min(_ROUNDING_SECONDS, (segment.end - segment.start) / 4)
        first = int(np.searchsorted(times[1:], segment.start + margin, side="right"))
        behind = int(np.searchsorted(times[:-1], segment.end - margin, side="left"))
        found.append(slice(first, behind))
    return found
