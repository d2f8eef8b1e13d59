# pyright: basic
"""Labelled tracks for the training of per-person actions, drawn for ever."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from vidcache.model.object_model import TrackHistory
from vidcache.model.object_model.source_features import Source, track_features
from vidcache.training.objects.noise import observe
from vidcache.training.objects.performances import BodyPerformance, draw_performance
from vidcache.training.objects.views import view_performance
from vidcache.training.synthetic.splits import SplitName

__all__ = ["LabelledTrack", "TrackBatch", "TrackBatches", "batch_tracks", "draw_track", "replay"]

_PERFORMANCE_SECONDS = 16.0
_USUAL_RATES = (5.0, 10.0, 15.0, 25.0, 30.0)


@dataclass(frozen=True, eq=False)
class LabelledTrack:
    """One track with its truth.

    Attributes:
        history: What a tracker and a pose estimator saw.
        labels: Index into `OBJECT_LABELS` at each observation, or `IGNORED`, shape (T,).
    """

    history: TrackHistory
    labels: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TrackBatch:
    """Tracks of one length, as a model takes them.

    Attributes:
        values: Features by source, shape (B, T, F).
        present: Whether the source is there, by source, shape (B, T).
        seconds: Times, shape (B, T).
        labels: Index of the label at each observation, or `IGNORED`, shape (B, T).
    """

    values: dict[str, Tensor]
    present: dict[str, Tensor]
    seconds: Tensor
    labels: Tensor


def draw_track(
    rng: np.random.Generator, performance: BodyPerformance, num_frames: int, rate: float
) -> LabelledTrack | None:
    """Watch a performance from a random place, for a while, imperfectly.

    Args:
        rng: Source of randomness.
        performance: What is performed.
        num_frames: Observations of the track.
        rate: Frames a second.

    Returns:
        The track; None where the body was not found often enough, or came too near.
    """
    length = (len(performance.labels) - 2) / 30.0
    available = int(length * rate)
    wanted = min(available, int(num_frames * 1.6) + 2)
    if wanted < num_frames:
        return None
    start = rng.uniform(0.0, length - wanted / rate)
    seconds = start + np.arange(wanted) / rate
    if rng.random() < 0.2:
        seconds = seconds + rng.uniform(0, 0.5 / rate, wanted)
    track = view_performance(rng, performance, seconds)
    if track is None:
        return None
    seen = observe(rng, track)
    kept = np.flatnonzero(seen.detected)[:num_frames]
    if len(kept) < num_frames:
        return None
    history = TrackHistory.of_boxes(
        seconds[kept] - seconds[0], seen.boxes_xyxy[kept], seen.keypoints[kept]
    )
    return LabelledTrack(history, track.labels[kept])


class TrackBatches(IterableDataset[TrackBatch]):
    """Batches of tracks without an end; worker processes draw different ones.

    Args:
        sources: Sources of the model.
        batch_size: Tracks of a batch.
        seed: The same seed draws the same batches.
        split: Split of the streams from which bodies and tempo come.
        pool_size: Performances that are kept at hand; each is watched several times.
    """

    def __init__(
        self,
        sources: tuple[Source, ...],
        batch_size: int,
        seed: int,
        split: SplitName = "train",
        pool_size: int = 200,
    ) -> None:
        self._sources, self._batch_size = sources, batch_size
        self._seed, self._pool_size = seed, pool_size
        self._split: SplitName = split

    def __iter__(self) -> Iterator[TrackBatch]:
        worker = torch.utils.data.get_worker_info()
        rng = np.random.default_rng((17, self._seed, worker.id if worker else 0))
        pool: list[BodyPerformance] = []
        while True:
            rate = _draw_rate(rng)
            num_frames = 48 if rate < 18 else 96
            tracks: list[LabelledTrack] = []
            while len(tracks) < self._batch_size:
                performance = self._pick(rng, pool)
                track = draw_track(rng, performance, num_frames, rate * rng.uniform(0.85, 1.15))
                if track is not None:
                    tracks.append(track)
            yield batch_tracks(tracks, self._sources, rng)

    def _pick(self, rng: np.random.Generator, pool: list[BodyPerformance]) -> BodyPerformance:
        """Take a performance from the pool, which is renewed bit by bit."""
        # A small pool at first: training begins at once, and no performance stays for long.
        if len(pool) < self._pool_size and rng.random() < max(0.12, 1 - len(pool) / 30):
            pool.append(draw_performance(rng, _PERFORMANCE_SECONDS, self._split))
            return pool[-1]
        number = int(rng.integers(len(pool)))
        if rng.random() < 0.1:
            pool[number] = draw_performance(rng, _PERFORMANCE_SECONDS, self._split)
        return pool[number]


def batch_tracks(
    tracks: Sequence[LabelledTrack],
    sources: tuple[Source, ...],
    rng: np.random.Generator | None = None,
) -> TrackBatch:
    """Put tracks of one length into one batch.

    Args:
        tracks: The tracks.
        sources: Sources of the model.
        rng: Where given, some tracks do without one of the sources, so that a model learns to.
    """
    values: dict[str, list[NDArray[np.float32]]] = {name: [] for name in sources}
    present: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in sources}
    for track in tracks:
        missing = None if rng is None else _missing(rng, sources)
        width = track.history.regions.shape[1]
        for name, found in track_features(track.history, sources, width).items():
            values[name].append(found.values)
            present[name].append(found.present & (name != missing))
    return TrackBatch(
        {name: torch.from_numpy(np.stack(rows)) for name, rows in values.items()},
        {name: torch.from_numpy(np.stack(rows)) for name, rows in present.items()},
        torch.from_numpy(np.stack([track.history.seconds for track in tracks])),
        torch.from_numpy(np.stack([track.labels for track in tracks])),
    )


def replay(
    batches: Iterable[TrackBatch], rng: np.random.Generator, *, times: int = 6, size: int = 256
) -> Iterator[TrackBatch]:
    """Show batches several times, mixed: drawing one takes longer than learning from it.

    Args:
        batches: The batches.
        rng: Source of randomness.
        times: How often a batch is shown, on average.
        size: How many of the last batches are kept at hand.
    """
    kept: list[TrackBatch] = []
    for number, batch in enumerate(batches):
        if len(kept) < size:
            kept.append(batch)
        else:
            kept[number % size] = batch
        yield batch
        for _ in range(times - 1):
            yield kept[int(rng.integers(len(kept)))]


def _missing(rng: np.random.Generator, sources: tuple[Source, ...]) -> str | None:
    """Choose the source that a whole track does without."""
    if len(sources) < 2:
        return None
    # Most often the pose: detectors that give boxes alone are common.
    if "pose" in sources and rng.random() < 0.25:
        return "pose"
    return str(rng.choice(sources)) if rng.random() < 0.06 else None


def _draw_rate(rng: np.random.Generator) -> float:
    if rng.random() < 0.5:
        return float(rng.choice(_USUAL_RATES))
    return float(np.exp(rng.uniform(np.log(5.0), np.log(60.0))))
