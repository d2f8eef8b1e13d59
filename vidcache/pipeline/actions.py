"""From pictures to action scores: the encoder and the camera head of one stream."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from vidcache.frames import ActionScore, Frame
from vidcache.model import ActionModel
from vidcache.pipeline.timer import StageTimer

__all__ = ["ActionStage"]


class ActionStage:
    """Labels the frames of one stream, in order.

    Frames flagged ``tainted`` never reach the temporal cache, where they would spoil the frames
    after them: they repeat the scores of the last good frame.

    Args:
        model: Encoder, head and labels.
        timer: Where the stages ``encode`` and ``head`` are counted.
    """

    def __init__(self, model: ActionModel, timer: StageTimer) -> None:
        self._model = model
        self._timer = timer
        self._state = model.init_state(batch_size=1)
        self._wants_seconds = model.head.config.needs_seconds
        self._last: tuple[ActionScore, ...] = ()

    def stats(self) -> Mapping[str, Any]:
        """Counters of the temporal cache."""
        return self._state.stats().to_dict()

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
        scored = iter(self._score(good)) if good else iter(())
        results: list[tuple[tuple[ActionScore, ...], dict[str, float]]] = []
        for frame in frames:
            timings: dict[str, float] = {}
            if "tainted" not in frame.flags:
                self._last, timings = next(scored)
            results.append((self._last, timings))
        return results

    def _score(
        self, frames: Sequence[Frame]
    ) -> list[tuple[tuple[ActionScore, ...], dict[str, float]]]:
        num = len(frames)
        start = time.perf_counter()
        features = self._model.encode([frame.image_rgb for frame in frames])
        encoded = time.perf_counter()
        seconds = None
        if self._wants_seconds:
            seconds = torch.tensor([[f.pts_seconds for f in frames]], dtype=torch.float64)
        scores = self._model.step(features.unsqueeze(0), self._state, seconds=seconds)
        rows: list[list[float]] = scores[0].float().cpu().numpy().tolist()
        done = time.perf_counter()
        self._timer.add("encode", encoded - start, num_frames=num)
        self._timer.add("head", done - encoded, num_frames=num)
        timings = {"encode": (encoded - start) / num, "head": (done - encoded) / num}
        return [(self._rank(row), dict(timings)) for row in rows]

    def _rank(self, row: Sequence[float]) -> tuple[ActionScore, ...]:
        scores = [ActionScore(label, p) for label, p in zip(self._model.labels, row, strict=True)]
        return tuple(sorted(scores, key=lambda score: -score.score))
