# pyright: basic
"""Synthetic streams as a model sees them: encoded frame by frame, labelled, scored in a stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vidcache.encoder import FrameEncoder
from vidcache.head import CameraHead
from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.synthetic import SplitName, SyntheticStream

__all__ = [
    "DrawnStream",
    "EncodedStreams",
    "StreamSettings",
    "draw_stream",
    "encode_streams",
    "stream_predictions",
]

_SIZES = ((240, 180), (320, 180), (270, 180), (320, 180))


@dataclass(frozen=True)
class StreamSettings:
    """Which streams are drawn.

    Attributes:
        split: Their split.
        num_streams: How many.
        num_frames: Frames of each.
        frame_rates: Range of the frame rate; each stream has its own.
        first_seed: Seed of the first; the others follow.
    """

    split: SplitName
    num_streams: int
    num_frames: int = 64
    frame_rates: tuple[float, float] = (8.0, 25.0)
    first_seed: int = 0


@dataclass(frozen=True, eq=False)
class EncodedStreams:
    """Streams as tokens.

    Attributes:
        features: Tokens, float16, shape (S, T, N, C).
        targets: 1 for each label shown, shape (S, T, K).
        seconds: Times of the frames, shape (S, T).
    """

    features: Tensor
    targets: Tensor
    seconds: Tensor

    @classmethod
    def of_videos(cls, videos: Sequence[EncodedVideo]) -> EncodedStreams:
        """Put encoded videos of one length beside each other.

        Args:
            videos: The videos.
        """
        return cls(
            torch.from_numpy(np.stack([video.features for video in videos])),
            torch.from_numpy(np.stack([video.targets for video in videos])),
            torch.from_numpy(np.stack([video.seconds for video in videos])),
        )


@dataclass(frozen=True, eq=False)
class DrawnStream:
    """A stream as pictures.

    Attributes:
        images: uint8 RGB, shape (T, height, width, 3).
        targets: 1 for each label shown, shape (T, K).
        seconds: Times of the frames, shape (T,).
    """

    images: NDArray[np.uint8]
    targets: NDArray[np.float32]
    seconds: NDArray[np.float64]


def draw_stream(settings: StreamSettings, number: int) -> DrawnStream:
    """Draw one of the streams.

    Args:
        settings: Which streams.
        number: Which of them, from 0; it may be more than there are.

    Returns:
        The stream; the same settings and number give the same.
    """
    seed = settings.first_seed + number
    rng = np.random.default_rng((11, seed))
    stream = SyntheticStream(
        seed,
        settings.split,
        size=_SIZES[number % len(_SIZES)],
        frame_rate=float(np.exp(rng.uniform(*np.log(settings.frame_rates)))),
        num_frames=settings.num_frames,
    )
    frames = list(stream)
    return DrawnStream(
        np.stack([frame.image_rgb for frame in frames]),
        np.stack([frame.target for frame in frames]),
        np.array([frame.seconds for frame in frames]),
    )


class _StreamSet(Dataset[DrawnStream]):
    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings

    def __len__(self) -> int:
        return self._settings.num_streams

    def __getitem__(self, number: int) -> DrawnStream:
        return draw_stream(self._settings, number)


def encode_streams(
    encoder: FrameEncoder, settings: StreamSettings, *, num_workers: int = 1
) -> EncodedStreams:
    """Draw streams and encode their frames, as inference does.

    Args:
        encoder: The encoder.
        settings: Which streams.
        num_workers: Processes that draw.

    Returns:
        The streams.
    """
    features, targets, seconds = [], [], []
    loader = DataLoader(_StreamSet(settings), batch_size=None, num_workers=num_workers)
    for stream in loader:
        features.append(encoder(stream.images).half())
        targets.append(torch.as_tensor(stream.targets))
        seconds.append(torch.as_tensor(stream.seconds))
    return EncodedStreams(torch.stack(features), torch.stack(targets), torch.stack(seconds))


def stream_predictions(
    head: CameraHead,
    streams: EncodedStreams,
    *,
    streams_at_once: int = 16,
    key_format: str | None = None,
    value_format: str | None = None,
) -> Tensor:
    """Run a head over streams frame by frame, each with a cache of its own.

    Args:
        head: The head.
        streams: The streams.
        streams_at_once: Rows of a state.
        key_format: Storage format of the cached keys; None stores what is computed.
        value_format: The same for values.

    Returns:
        What the head says after each pass, shape (num_iterations, S, T, K).
    """
    parts: list[Tensor] = []
    for first in range(0, len(streams.features), streams_at_once):
        rows = slice(first, first + streams_at_once)
        features, seconds = streams.features[rows].float(), streams.seconds[rows]
        state = head.init_state(len(features), key_format=key_format, value_format=value_format)
        frames = [
            torch.stack(
                head.step(
                    features[:, index : index + 1], state, seconds[:, index : index + 1]
                ).iterations
            )
            for index in range(features.shape[1])
        ]
        parts.append(torch.cat(frames, dim=2))
    return torch.cat(parts, dim=1)
