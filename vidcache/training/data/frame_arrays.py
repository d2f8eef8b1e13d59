"""The arrays that stand for a video become what a head learns from."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import DataError
from vidcache.training.data.dataset import LabelledVideo
from vidcache.training.encoded_video import EncodedVideo

__all__ = ["read_arrays"]


def read_arrays(video: LabelledVideo, labels: tuple[str, ...]) -> EncodedVideo:
    """Reads the arrays that stand for a video.

    Args:
        video: One with ``features`` and ``targets_file``.
        labels: The labels of its data set.

    Returns:
        Its frames, the features a memory map, the targets in the order of ``labels``.

    Raises:
        DataError: It has no arrays, or they cannot be read.
    """
    if video.features is None or video.targets_file is None or video.frame_rate is None:
        raise DataError(f"{video.name!r} has no arrays: expected features and a file of targets")
    features = _load(video, video.features)
    given = np.asarray(_load(video, video.targets_file)) > 0
    targets = np.zeros((len(given), len(labels)), np.float32)
    for number, label in enumerate(labels[1:], start=1):
        if label in video.columns:
            targets[:, number] = given[:, video.columns.index(label)]
    targets[:, 0] = ~targets[:, 1:].any(axis=1)
    ignored = {segment.label for segment in video.ignored}
    columns = [number for number, label in enumerate(video.columns) if label in ignored]
    ignore: NDArray[np.bool_] = np.any(given[:, columns], axis=1)
    seconds = np.arange(len(given)) / video.frame_rate
    tokens = features[:, None] if features.ndim == 2 else features
    return EncodedVideo(video.name, tokens, seconds, targets, ignore)


def _load(video: LabelledVideo, path: Path) -> NDArray[Any]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{video.name!r}: '{path}' cannot be read: {error}") from error
