# pyright: basic
"""Labelled videos as pixels that an encoder takes, for training it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from vidcache.encoder import FrameEncoder
from vidcache.errors import DataError
from vidcache.training.data import LabelledVideo, frame_targets, ignore_mask
from vidcache.video import open_source

__all__ = ["PixelVideo", "read_pixels"]

_FRAMES_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class PixelVideo:
    """The pixels of every frame of a video, and what each frame shows.

    Attributes:
        name: What the video is called.
        features: What the encoder takes, float16, shape (T, 3, height, width).
        seconds: Times of the frames, shape (T,).
        targets: 1 for each label shown, shape (T, K).
        ignore: Frames that do not count, shape (T,).
    """

    name: str
    features: NDArray[np.float16]
    seconds: NDArray[np.float64]
    targets: NDArray[np.float32]
    ignore: NDArray[np.bool_]


def read_pixels(
    videos: Sequence[LabelledVideo],
    labels: Sequence[str],
    encoder: FrameEncoder,
    progress: Callable[[int, int], None] | None = None,
) -> list[PixelVideo]:
    """Decode videos at the size that an encoder sees; all of them are held in memory.

    A frame takes 6 bytes a pixel: 83 kB at 144 x 96, 301 kB at 224 x 224.

    Args:
        videos: The videos.
        labels: All labels, the background first.
        encoder: The encoder.
        progress: Called with the videos done and their number.

    Raises:
        SourceError: A video cannot be read.
        DataError: A video has no frames, or comes as features.
    """
    read: list[PixelVideo] = []
    for video in videos:
        read.append(_read(video, labels, encoder))
        if progress is not None:
            progress(len(read), len(videos))
    return read


def _read(video: LabelledVideo, labels: Sequence[str], encoder: FrameEncoder) -> PixelVideo:
    if video.path is None or video.features is not None:
        raise DataError(
            f"{video.name!r} comes as features: to train the encoder, give the video itself"
        )
    pixels: list[NDArray[np.float16]] = []
    seconds: list[float] = []
    tainted: list[bool] = []
    with open_source(video.path) as source:
        while frames := list(islice(source, _FRAMES_AT_ONCE)):
            prepared = encoder.preprocess([frame.image_rgb for frame in frames])
            pixels.append(prepared.half().cpu().numpy())
            seconds += (frame.pts_seconds for frame in frames)
            tainted += ("tainted" in frame.flags for frame in frames)
        frame_seconds = 1 / source.frame_rate if source.frame_rate > 0 else 0.0
    if not seconds:
        raise DataError(f"'{video.path}' has no frames: leave it out of the data set")
    times = np.array(seconds)
    starts, end = times - times[0], seconds[-1] - seconds[0] + frame_seconds
    return PixelVideo(
        video.name,
        np.concatenate(pixels),
        times,
        frame_targets(video.segments, labels, starts, end),
        np.array(tainted) | ignore_mask(video.ignored, starts, end),
    )
