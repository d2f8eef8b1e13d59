"""From pictures to action scores: the encoder and the camera head of one stream."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from vidcache.frames import ActionScore, Frame
from vidcache.model import ActionModel
from vidcache.pipeline.recall import Recall
from vidcache.pipeline.timer import StageTimer

__all__ = ["ActionStage"]


class ActionStage:
    """Labels the frames of one stream, in order.

    Frames flagged ``tainted`` never reach the temporal cache, where they would spoil the frames
    after them: they repeat the scores of the last good frame.

    Args:
        model: Encoder, head and labels.
        timer: Where the stages ``encode`` and ``head`` are counted, and ``recall`` where there
            is one.
        recall: What earlier runs know of the stream, or None.
    """

    def __init__(self, model: ActionModel, timer: StageTimer, recall: Recall | None = None) -> None:
        self._model = model
        self._timer = timer
        self._recall = recall
        self._state = model.init_state(batch_size=1)
        self._wants_seconds = model.head.config.needs_seconds
        self._last: tuple[ActionScore, ...] = ()

    def stats(self) -> Mapping[str, Any]:
        """Counters of the temporal cache."""
        if self._recall is None:
            return self._state.stats().to_dict()
        if self._recall.recalling:
            self._state = self._recall.resume()
        return {**self._state.stats().to_dict(), "prefix": self._recall.stats()}

    def finish(self) -> None:
        """Leaves what the next run can go on from; no frames come any more."""
        if self._recall is not None:
            self._recall.finish()

    def update(
        self, frames: Sequence[Frame]
    ) -> list[tuple[tuple[ActionScore, ...], dict[str, float]]]:
        """Labels the next frames.

        Args:
            frames: One or more consecutive frames.

        Returns:
            For each frame its scores, best first (none, if no good frame came yet), and the
            seconds it took by stage.
        """
        good = [frame for frame in frames if "tainted" not in frame.flags]
        seconds = None
        if self._wants_seconds:
            seconds = torch.tensor([[f.pts_seconds for f in good]], dtype=torch.float64)
        timings: dict[str, float] = {}
        scores = self._look_up(frames, seconds, timings)
        if scores is None:
            scores = self._score(frames, good, seconds, timings)
        rows: list[list[float]] = scores.numpy().tolist()
        ranked = map(self._rank, rows)
        results: list[tuple[tuple[ActionScore, ...], dict[str, float]]] = []
        for frame in frames:
            is_good = "tainted" not in frame.flags
            if is_good:
                self._last = next(ranked)
            results.append((self._last, dict(timings) if is_good else {}))
        return results

    def _look_up(
        self, frames: Sequence[Frame], seconds: Tensor | None, timings: dict[str, float]
    ) -> Tensor | None:
        if self._recall is None:
            return None
        start = time.perf_counter()
        was_recalling = self._recall.recalling
        scores = self._recall.look_up(frames, seconds)
        if was_recalling and not self._recall.recalling:
            self._state = self._recall.resume()
        self._count("recall", time.perf_counter() - start, len(frames), timings)
        return scores

    def _score(
        self,
        frames: Sequence[Frame],
        good: Sequence[Frame],
        seconds: Tensor | None,
        timings: dict[str, float],
    ) -> Tensor:
        start = time.perf_counter()
        features = self._model.encode([frame.image_rgb for frame in good])
        encoded = time.perf_counter()
        scores = torch.empty(0, len(self._model.labels))
        if good:
            stepped = self._model.step(features.unsqueeze(0), self._state, seconds=seconds)
            scores = stepped[0].float().cpu()
            self._count("encode", encoded - start, len(good), timings)
            self._count("head", time.perf_counter() - encoded, len(good), timings)
        if self._recall is not None:
            start = time.perf_counter()
            self._recall.keep(len(frames), features, scores, self._state)
            self._count("recall", time.perf_counter() - start, len(frames), timings)
        return scores

    def _count(
        self, stage: str, seconds: float, num_frames: int, timings: dict[str, float]
    ) -> None:
        # A stage that works on a group twice counts its frames once.
        self._timer.add(stage, seconds, num_frames=0 if stage in timings else num_frames)
        timings[stage] = timings.get(stage, 0.0) + seconds / num_frames

    def _rank(self, row: Sequence[float]) -> tuple[ActionScore, ...]:
        scores = [ActionScore(label, p) for label, p in zip(self._model.labels, row, strict=True)]
        return tuple(sorted(scores, key=lambda score: -score.score))
