# pyright: basic
"""Clips cut out of encoded videos, the same for the same seed, epoch and number of the batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vidcache.cache import EvictionPolicy, FrameTimes
from vidcache.errors import InputError

__all__ = ["ClipSampler", "Clips", "LabelledFrames", "Sampling"]

# No clip is this long, so that a frame before its start has a number, and never that of a frame
# that a policy keeps for being the first.
_FAR = 1 << 40


class LabelledFrames(Protocol):
    """A video as clips are cut out of it: an ``EncodedVideo``, or its pixels."""

    @property
    def name(self) -> str:
        """What the video is called."""
        ...

    @property
    def features(self) -> NDArray[Any]:
        """What is known of each frame, shape (T, …)."""
        ...

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Times of the frames, shape (T,)."""
        ...

    @property
    def targets(self) -> NDArray[np.float32]:
        """1 for each label shown, shape (T, K)."""
        ...

    @property
    def ignore(self) -> NDArray[np.bool_]:
        """Frames that do not count, shape (T,)."""
        ...


@dataclass(frozen=True)
class Sampling:
    """How clips are cut.

    Attributes:
        clip_frames: Frames of a clip at most; shorter videos are taken whole.
        clips_per_batch: Clips of a batch.
        least_batches: Batches of an epoch at least; a small set is gone through several times.
        tempo: Clips are played up to this many times as fast or as slow; 1 leaves them alone.
        frame_drop: Part of a clip's frames that are left out at most, each clip its own part.
    """

    clip_frames: int = 128
    clips_per_batch: int = 8
    least_batches: int = 8
    tempo: float = 1.0
    frame_drop: float = 0.0


@dataclass(frozen=True, eq=False)
class Clips:
    """A batch of clips; shorter ones are filled up with frames that do not count.

    Attributes:
        inputs: What is known of the frames, shape (B, T, …), float32.
        seconds: Times of the frames, shape (B, T), float64.
        targets: 1 for each label shown, shape (B, T, K).
        counted: Which frames count in the loss, bool, shape (B, T).
    """

    inputs: Tensor
    seconds: Tensor
    targets: Tensor
    counted: Tensor


class ClipSampler:
    """Cuts clips out of videos.

    An epoch shows each video as often as clips fit into it. Frames at a clip's start whose window
    reaches back to frames that were cut off are not counted, but for at most half of a clip.

    Args:
        videos: The videos, all of one number of labels.
        sampling: How clips are cut.
        policy: What decides how far back a frame sees; None counts every frame.
        by_index: Whether the model tells time by counting frames. Then another tempo repeats or
            skips frames; else it changes their seconds.
        seed: Other seeds give other clips.

    Raises:
        InputError: There are no videos, or they do not fit together.
    """

    def __init__(
        self,
        videos: Sequence[LabelledFrames],
        sampling: Sampling,
        policy: EvictionPolicy | None,
        *,
        by_index: bool,
        seed: int,
    ) -> None:
        shapes = {(v.features.shape[1:], v.targets.shape[1]) for v in videos}
        if len(shapes) != 1:
            raise InputError(
                f"training videos have {len(shapes)} different shapes of features and labels: "
                "give at least one video, all encoded alike"
            )
        self._videos, self._sampling, self._policy = list(videos), sampling, policy
        self._by_index, self._seed = by_index, seed
        counts = [max(1, round(len(v.seconds) / sampling.clip_frames)) for v in videos]
        self._turn = np.repeat(np.arange(len(counts)), counts)
        batch = sampling.clips_per_batch
        whole = max(-(-len(self._turn) // batch), sampling.least_batches)
        self._batches_per_epoch = whole

    @property
    def batches_per_epoch(self) -> int:
        """How many batches an epoch has."""
        return self._batches_per_epoch

    def batch(self, epoch: int, number: int) -> Clips:
        """Return a batch; the same numbers give the same clips, whatever was asked before.

        Args:
            epoch: Number of the epoch, from 0.
            number: Number of the batch within it.
        """
        size = self._sampling.clips_per_batch
        chosen = self._order(epoch)[number * size : (number + 1) * size]
        rng = np.random.default_rng((self._seed, epoch, number))
        clips = [self._clip(rng, self._videos[video]) for video in chosen]
        length = max(len(seconds) for _, seconds, _, _ in clips)
        inputs, seconds, targets, counted = (
            np.stack([_fill(part, length) for part in parts]) for parts in zip(*clips, strict=True)
        )
        for row, (_, times, _, _) in enumerate(clips):
            counted[row, len(times) :] = False
        inputs = inputs.astype(np.float32)
        return Clips(*map(torch.from_numpy, (inputs, seconds, targets, counted)))

    def _order(self, epoch: int) -> NDArray[np.int64]:
        rng = np.random.default_rng((self._seed, epoch))
        needed = self._batches_per_epoch * self._sampling.clips_per_batch
        rounds = [rng.permutation(self._turn) for _ in range(-(-needed // len(self._turn)))]
        return np.concatenate(rounds)[:needed]

    def _clip(
        self, rng: np.random.Generator, video: LabelledFrames
    ) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float32], NDArray[np.bool_]]:
        sampling, total = self._sampling, len(video.seconds)
        log_tempo = np.log(sampling.tempo)
        speed = float(np.exp(rng.uniform(-log_tempo, log_tempo)))
        span = min(total, round(sampling.clip_frames * (speed if self._by_index else 1.0)))
        # Starts before the first frame and beyond the last are moved there: both ends of a video
        # are shown as often as its middle.
        slack = span // 2
        start = int(np.clip(rng.integers(-slack, total - span + slack + 1), 0, total - span))
        steps = (
            np.arange(max(1, round(span / speed))) * speed if self._by_index else np.arange(span)
        )
        places = start + np.minimum(steps.astype(np.int64), span - 1)
        kept = rng.random(len(places)) >= rng.uniform(0, sampling.frame_drop)
        kept[0] = True
        places = places[kept]
        seconds = video.seconds[places]
        if not self._by_index:
            seconds = seconds[0] + (seconds - seconds[0]) / speed
        counted = ~video.ignore[places]
        if start > 0 and self._policy is not None:
            counted &= ~_lacks_history(self._policy, seconds)
        return video.features[places], seconds, video.targets[places], counted


def _lacks_history(policy: EvictionPolicy, seconds: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which frames of a clip would see the frame before its start, in its first half."""
    length = len(seconds)
    step = (seconds[-1] - seconds[0]) / max(1, length - 1)
    queries = FrameTimes(torch.arange(_FAR, _FAR + length), torch.from_numpy(seconds))
    before = FrameTimes(torch.tensor([_FAR - 1]), torch.tensor([seconds[0] - step]))
    reached = policy.reaches(queries, before).expand(length).numpy().copy()
    reached[(length + 1) // 2 :] = False
    return reached


def _fill(part: NDArray[Any], length: int) -> NDArray[Any]:
    """Repeat the last frame up to a length."""
    if len(part) == length:
        return part
    return np.concatenate([part, np.repeat(part[-1:], length - len(part), axis=0)])
