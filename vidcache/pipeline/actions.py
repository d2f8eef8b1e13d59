"""From pictures to action scores: the encoder and the camera head, for all sources together."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor

from vidcache.config import EncoderSettings
from vidcache.encoder import FrameEncoder, ReusingEncoder
from vidcache.encoder.features import CachingEncoder, FeatureCache
from vidcache.encoder.reuse_choice import WHOLE, choose_reuse
from vidcache.frames import ActionScore, Frame
from vidcache.model import ActionModel, TextLabels
from vidcache.pipeline.recall import Recall
from vidcache.pipeline.seats import Seat, Seats
from vidcache.pipeline.work import Work
from vidcache.pipeline.workers import Workers

__all__ = ["ActionStage", "FrameScores", "Task"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FrameScores:
    """The actions of one frame.

    Attributes:
        scores: Scores, best first; none if no good frame came yet.
        timings: Seconds it took by stage: ``encode`` and ``head``, and ``recall`` where earlier
            runs are known.
        labels: All labels that there were scores of, in the order of the model.
    """

    scores: tuple[ActionScore, ...]
    timings: dict[str, float]
    labels: tuple[str, ...] = ()


@dataclass(eq=False)
class Task:
    """A group's good frames on their way.

    Attributes:
        work: The group.
        good: Its frames that are not damaged.
        seconds: Their times as the memory counts them, (1, F); None where it counts none.
        starts: Numbers of good frames before which the memory begins anew.
        features: Their tokens, (F, N, C).
        scores: Their probabilities, (F, labels).
        timings: Seconds a frame by stage.
    """

    work: Work
    good: list[Frame]
    seconds: Tensor | None
    starts: tuple[int, ...]
    features: Tensor | None = None
    scores: Tensor | None = None
    timings: dict[str, float] = field(default_factory=dict[str, float])


class ActionStage:
    """Labels the frames of all sources, those of each in order.

    Frames flagged ``tainted`` never reach the temporal cache, where they would spoil the frames
    after them: they repeat the scores of the last good frame. The frames of cameras go through
    encoder and head together, the groups of files alone (see `Work`).

    Args:
        model: Encoder, head and labels.
        workers: Where pictures are encoded.
        settings: How the encoder saves work.
        cache: Where features of pictures are kept; None keeps none.

    Raises:
        ConfigError: The encoder cannot work so.
    """

    def __init__(
        self,
        model: ActionModel,
        workers: Workers,
        settings: EncoderSettings,
        cache: FeatureCache | None = None,
    ) -> None:
        self._model = model
        self._workers = workers
        self._reusing: ReusingEncoder | None = None
        if settings.reuse is not None:
            self._reusing = _choose_reusing(model.encoder, settings.reuse, settings.refresh_every)
        self._caching: CachingEncoder | None = None
        if cache is not None:
            near = settings.cache.near_duplicate
            self._caching = CachingEncoder(model.encoder, cache, near)
        self._seats = Seats(model)
        self._wants_seconds = model.head.config.needs_seconds

    def warm_up(self) -> None:
        """Takes a step with a memory of its own: the first one lays out the head's weights."""
        head = self._model.head
        features = torch.zeros(1, 1, head.config.num_tokens, head.config.in_features)
        seconds = torch.zeros(1, 1, dtype=torch.float64) if self._wants_seconds else None
        state = self._model.init_state()
        self._model.step(features.to(state.device), state, seconds)

    def join(self, recall: Recall | None = None) -> Seat:
        """Gives a new source its place in the temporal cache.

        Args:
            recall: What earlier runs know of the source, or None.
        """
        return self._seats.take(recall)

    def leave(self, seat: Seat) -> Mapping[str, Any]:
        """Takes a source's place back.

        Returns:
            Counters of its memory.
        """
        figures = dict(self._seats.stats(seat))
        if self._reusing is not None:
            figures["encoder"] = {
                "frames_computed_whole": seat.picture.num_dense,
                "share_computed": round(seat.picture.share, 4),
            }
        if self._caching is not None:
            nbytes = self._caching.nbytes_by_tier
            figures["features"] = {**seat.known.to_dict(), "nbytes": nbytes}
        if seat.recall is not None:
            seat.recall.finish()
        self._seats.leave(seat)
        return figures

    def set_text_labels(self, texts: TextLabels) -> None:
        """Labels all frames from the next group on by these texts. See `ActionModel`.

        Raises:
            ConfigError: If the model's head does not predict embeddings, or not such ones.
        """
        self._model.set_text_labels(texts)

    def encode(self, works: Sequence[Work]) -> "list[Task]":
        """Encodes the next frames of sources: while the head is still at those before them.

        Files of which earlier runs know something are left to `score`: whether a frame is to be
        encoded is known when the one before it has been scored.

        Args:
            works: One group a source.

        Returns:
            What `score` takes, in the same order.
        """
        tasks = [self._task(work) for work in works]
        together = [task for task in tasks if task.work.is_live and task.good]
        if together:
            self._encode(together)
        for task in tasks:
            if task.features is None and task.work.seat.recall is None:
                self._encode([task])
        return tasks

    def score(self, tasks: "Sequence[Task]") -> list[list[FrameScores]]:
        """Labels the frames that were encoded.

        Args:
            tasks: What `encode` returned, in the order of the calls.

        Returns:
            For each group the scores of its frames.
        """
        together = [task for task in tasks if task.work.is_live and task.good]
        if together:
            self._score_together(together)
        for task in tasks:
            self._look_up(task)
            if task.scores is None:
                if task.features is None:
                    self._encode([task])
                self._score_alone(task)
        return [self._ranked(task) for task in tasks]

    def _task(self, work: Work) -> Task:
        good: list[Frame] = []
        seconds: list[float] = []
        starts: list[int] = []
        for frame, action, moment in zip(work.frames, work.actions, work.seconds, strict=True):
            if action.state == "reset" and len(good) not in starts:
                starts.append(len(good))
            if "tainted" not in frame.flags:
                good.append(frame)
                seconds.append(moment)
        times = torch.tensor([seconds], dtype=torch.float64) if self._wants_seconds else None
        return Task(work, good, times, tuple(starts))

    def _look_up(self, task: Task) -> None:
        seat = task.work.seat
        if seat.recall is None:
            return
        start = time.perf_counter()
        was_recalling = seat.recall.recalling
        task.scores = seat.recall.look_up(task.work.frames, task.seconds, task.starts)
        if was_recalling and not seat.recall.recalling:
            seat.state = seat.recall.resume()
        self._count("recall", time.perf_counter() - start, len(task.work.frames), [task])

    def _encode(self, tasks: Sequence[Task]) -> None:
        """Encodes the frames of all these groups in one go."""
        start = time.perf_counter()
        images = [[frame.image_rgb for frame in task.good] for task in tasks]
        if self._reusing is not None:
            pictures = [task.work.seat.picture for task in tasks]
            features = self._workers.encode_changes(self._reusing, images, pictures)
        elif self._caching is not None:
            known = [task.work.seat.known for task in tasks]
            features = self._workers.encode_new(self._model, self._caching, images, known)
        else:
            together = self._workers.encode(self._model, [one for group in images for one in group])
            ends = list(accumulate(len(group) for group in images))
            features = [together[a:b] for a, b in zip([0, *ends], ends, strict=False)]
        for task, found in zip(tasks, features, strict=True):
            task.features = found
        if num_frames := sum(len(group) for group in images):
            self._count("encode", time.perf_counter() - start, num_frames, tasks)

    def _score_together(self, tasks: Sequence[Task]) -> None:
        """Steps single frames of several sources at once."""
        start = time.perf_counter()
        for task in tasks:
            if task.starts:
                self._seats.reset(task.work.seat)
        features = torch.stack([task.features for task in tasks if task.features is not None])
        times = [task.seconds for task in tasks if task.seconds is not None]
        seats = [task.work.seat for task in tasks]
        scores = self._seats.step(seats, features, torch.cat(times) if times else None)
        for task, row in zip(tasks, scores.float().cpu(), strict=True):
            task.scores = row
        self._count("head", time.perf_counter() - start, len(tasks), tasks)

    def _score_alone(self, task: Task) -> None:
        """Steps one group, in pieces where the memory begins anew within it."""
        seat, features = task.work.seat, task.features
        assert features is not None, "a group is encoded before it is scored"
        start = time.perf_counter()
        pieces: list[Tensor] = [torch.empty(0, len(self._model.labels))]
        cuts = (0, *(at for at in task.starts if at), len(features))
        for begin, end in pairwise(cuts):
            if begin in task.starts:
                self._seats.reset(seat)
            if begin < end:
                times = None if task.seconds is None else task.seconds[:, begin:end]
                pieces.append(self._seats.step([seat], features[None, begin:end], times)[0].float())
        task.scores = torch.cat([piece.cpu() for piece in pieces])
        if task.good:
            self._count("head", time.perf_counter() - start, len(task.good), [task])
        if seat.recall is not None:
            start = time.perf_counter()
            num_frames = len(task.work.frames)
            state = self._seats.own_state(seat)
            seat.recall.keep(num_frames, features, task.scores, state)
            self._count("recall", time.perf_counter() - start, num_frames, [task])

    @staticmethod
    def _count(stage: str, seconds: float, num_frames: int, tasks: Sequence[Task]) -> None:
        for task in tasks:
            task.timings[stage] = task.timings.get(stage, 0.0) + seconds / num_frames

    def _ranked(self, task: Task) -> list[FrameScores]:
        assert task.scores is not None, "every group is known or was scored"
        rows: list[list[float]] = task.scores.numpy().tolist()
        ranked = map(self._rank, rows)
        seat = task.work.seat
        results: list[FrameScores] = []
        for frame in task.work.frames:
            is_good = "tainted" not in frame.flags
            if is_good:
                seat.last, seat.labels = next(ranked), self._model.labels
            timings = dict(task.timings) if is_good else {}
            results.append(FrameScores(seat.last, timings, seat.labels))
        return results

    def _rank(self, row: Sequence[float]) -> tuple[ActionScore, ...]:
        scores = [ActionScore(label, p) for label, p in zip(self._model.labels, row, strict=True)]
        return tuple(sorted(scores, key=lambda score: -score.score))


def _choose_reusing(encoder: FrameEncoder, gate: float, refresh_every: int) -> ReusingEncoder:
    """Token reuse as it was asked for, or one that computes all where that is faster here."""
    reusing = ReusingEncoder(encoder, gate=gate, refresh_every=refresh_every)
    if gate == 0:
        return reusing
    choice = choose_reuse(encoder, reusing, gate)
    if choice.name != WHOLE:
        return reusing
    _log.warning(
        "token reuse would be slower than the encoder itself, and is off (%s)", choice.reason
    )
    return ReusingEncoder(encoder, gate=0.0, refresh_every=refresh_every)
