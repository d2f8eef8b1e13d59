# pyright: basic
"""Batches of synthetic clips, drawn by worker processes beside the training."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vidcache.training.synthetic.clips import ClipSettings, draw_clip

__all__ = ["ClipBatch", "clip_batches"]


@dataclass(frozen=True, eq=False)
class ClipBatch:
    """Clips of one length.

    Attributes:
        images: uint8 RGB, shape (B, T, height, width, 3).
        targets: Distribution of the labels shown, shape (B, T, K), sums of 1.
        seconds: Times of the frames, shape (B, T).
        keypoints: See :class:`~vidcache.training.synthetic.Clip`, shape (B, T, 3, 18, 2).
    """

    images: Tensor
    targets: Tensor
    seconds: Tensor
    keypoints: Tensor


class _ClipSet(Dataset[ClipBatch]):
    def __init__(self, settings: ClipSettings, clips_per_batch: int, seed: int) -> None:
        self._settings, self._count, self._seed = settings, clips_per_batch, seed

    def __getitem__(self, step: int) -> ClipBatch:
        first = self._seed * 1_000_000_000 + step * self._count
        clips = [draw_clip(first + number, self._settings) for number in range(self._count)]
        targets = torch.from_numpy(np.stack([clip.targets for clip in clips]))
        return ClipBatch(
            images=torch.from_numpy(np.stack([clip.images for clip in clips])),
            targets=targets / targets.sum(-1, keepdim=True),
            seconds=torch.from_numpy(np.stack([clip.seconds for clip in clips])),
            keypoints=torch.from_numpy(np.stack([clip.keypoints for clip in clips])),
        )


def clip_batches(
    settings: ClipSettings,
    clips_per_batch: int,
    *,
    seed: int = 0,
    first_step: int = 0,
    num_steps: int = 1_000_000,
    num_workers: int = 1,
) -> Iterator[ClipBatch]:
    """Draw batches one after another; step n is the same batch wherever one begins.

    Args:
        settings: How clips are drawn.
        clips_per_batch: Clips of a batch.
        seed: Other seeds give other clips.
        first_step: Number of the first batch.
        num_steps: How many batches.
        num_workers: Processes that draw; 0 draws in this process.

    Returns:
        An iterator over the batches.
    """
    loader = DataLoader(
        _ClipSet(settings, clips_per_batch, seed),
        batch_size=None,
        sampler=range(first_step, first_step + num_steps),
        num_workers=num_workers,
        prefetch_factor=6 if num_workers else None,
        worker_init_fn=_start_worker,
    )
    return iter(loader)


def _start_worker(_number: int) -> None:
    from vidcache.video.drawing import use_one_thread

    use_one_thread()
    torch.set_num_threads(1)
