"""The threads that run networks, as many as there are processors to spend."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from vidcache.encoder import ReuseState, ReusingEncoder
from vidcache.encoder.features import CachedStream, CachingEncoder
from vidcache.model import ActionModel

__all__ = ["Workers", "stage_thread"]

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Workers:
    """Runs pieces of work, each on one thread of its own that waits for no other.

    Networks that share the threads of a product wait for the slowest at every layer, which beside
    other work is most of the time: two processors did a sixth more with a piece of work each.
    So every picture of a batch is a piece of its own, which takes no longer than its share of the
    batch would, and has the same features however many workers there are. Only a picture that
    comes alone gets the threads that nothing else needs. A GPU gets the batch whole.

    Args:
        num_workers: Threads.
        num_others: How many of them are busy with other work than encoding.
    """

    def __init__(self, num_workers: int, num_others: int) -> None:
        self.num_workers = num_workers
        self._num_spare = max(1, num_workers - num_others)
        self._pool = stage_thread("work", 1, num_workers=num_workers)

    def submit(self, work: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> "Future[_R]":
        """Starts a piece of work, after those that were given before."""
        return self._pool.submit(work, *args, **kwargs)

    def warm_up(self, work: Callable[[], object]) -> None:
        """Does something once on every worker, and waits."""
        for future in [self._pool.submit(work) for _ in range(self.num_workers)]:
            future.result()

    def encode(self, model: ActionModel, images_rgb: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        """Encodes pictures, side by side.

        Args:
            model: Whose encoder.
            images_rgb: Pictures, each (height, width, 3), uint8; may be none.

        Returns:
            Tokens, (F, N, C).
        """
        step, num_threads = self._cut(model, len(images_rgb))
        parts = [
            self._pool.submit(model.encode, images_rgb[at : at + step], num_threads=num_threads)
            for at in range(0, max(1, len(images_rgb)), step)
        ]
        return torch.cat([part.result() for part in parts])

    def encode_new(
        self,
        model: ActionModel,
        encoder: CachingEncoder,
        images_rgb: Sequence[Sequence[NDArray[np.uint8]]],
        streams: Sequence[CachedStream],
    ) -> list[torch.Tensor]:
        """Encodes the pictures of streams that are not known, in the pieces of :meth:`encode`.

        Args:
            model: Whose encoder.
            encoder: That encoder with its cache.
            images_rgb: For each stream its pictures.
            streams: What is remembered of each stream.

        Returns:
            For each stream tokens, (F, N, C).
        """
        step, num_threads = self._cut(model, sum(len(group) for group in images_rgb))
        return encoder(
            images_rgb, streams, num_threads=num_threads, piece_size=step, each=self._pool.map
        )

    def encode_changes(
        self,
        encoder: ReusingEncoder,
        images_rgb: Sequence[Sequence[NDArray[np.uint8]]],
        states: Sequence[ReuseState],
    ) -> list[torch.Tensor]:
        """Encodes the next pictures of streams, computing what changed in them.

        Args:
            encoder: The encoder.
            images_rgb: For each stream its pictures.
            states: What is remembered of each stream.

        Returns:
            For each stream tokens, (F, N, C).
        """
        step = -(-len(states) // self.num_workers)
        parts = [
            self._pool.submit(encoder, images_rgb[at : at + step], states[at : at + step])
            for at in range(0, len(states), step)
        ]
        return [tokens for part in parts for tokens in part.result()]

    def _cut(self, model: ActionModel, num_images: int) -> tuple[int, int]:
        """How many pictures a piece has, and how many threads it gets."""
        on_gpu = model.encoder.device.type != "cpu"
        step = max(1, num_images) if on_gpu else 1
        return step, self._num_spare if num_images == 1 else 1

    def close(self) -> None:
        """Drops work that has not begun and waits for what has."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def stage_thread(name: str, num_threads: int, *, num_workers: int = 1) -> ThreadPoolExecutor:
    """A thread, or several, for which torch uses so many threads."""
    return ThreadPoolExecutor(num_workers, f"vidcache-{name}", _keep_to, (num_threads,))


def _keep_to(num_threads: int) -> None:
    # A thread takes over what any thread set last when it first asks for the number: before ours.
    torch.get_num_threads()
    torch.set_num_threads(num_threads)
