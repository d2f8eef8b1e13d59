"""The two halves of the work on a frame, side by side on threads of their own."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from vidcache.frames import ActionScore, Discontinuity, Frame, Track
from vidcache.model import ActionModel
from vidcache.pipeline.actions import ActionStage
from vidcache.pipeline.reading import FrameGroup
from vidcache.pipeline.timer import StageTimer
from vidcache.tracking import Tracker

__all__ = ["Labelled", "Stages"]


@dataclass(frozen=True)
class Labelled:
    """One frame with what the models say about it.

    Attributes:
        frame: The frame.
        scores: Actions, best first.
        objects: Tracked objects.
        session: Session of the tracker.
        gaps: What sets the frame apart from the one before it.
        timings: Seconds spent on it by stage.
    """

    frame: Frame
    scores: tuple[ActionScore, ...]
    objects: tuple[Track, ...]
    session: int
    gaps: tuple[Discontinuity, ...]
    timings: dict[str, float]


@dataclass(frozen=True)
class _Tracked:
    objects: tuple[Track, ...]
    session: int
    seconds: float


class Stages:
    """Runs encoder and head on one thread, detector and tracker on another.

    Args:
        model: The action model.
        tracker: The tracker, reset before the first frame; None for no objects.
        timer: Where the stages are counted.
    """

    def __init__(self, model: ActionModel, tracker: Tracker | None, timer: StageTimer) -> None:
        self._timer = timer
        self._tracker = tracker
        self._first_session = tracker.session if tracker is not None else 0
        self._actions = ActionStage(model, timer)
        self._num_threads = torch.get_num_threads()
        self._action_thread = ThreadPoolExecutor(1, "vidcache-actions", _use_one_core)
        self._tracking_thread = ThreadPoolExecutor(1, "vidcache-tracking", _use_one_core)

    def submit(
        self, group: FrameGroup, gaps: Sequence[tuple[Discontinuity, ...]]
    ) -> Callable[[], list[Labelled]]:
        """Starts the work on a group and returns what waits for it."""
        actions = self._action_thread.submit(self._actions.update, group.frames)
        tracked = self._tracking_thread.submit(self._track, group.frames, gaps)
        return lambda: self._join(group, gaps, actions, tracked)

    def cache_stats(self) -> Mapping[str, Any]:
        """Counters of the temporal cache, once all submitted work is done."""
        return self._actions.stats()

    def close(self) -> None:
        """Drops work that has not begun and waits for what has."""
        for executor in (self._action_thread, self._tracking_thread):
            executor.shutdown(wait=True, cancel_futures=True)
        # What a stage's thread sets is also what threads begun later inherit.
        torch.set_num_threads(self._num_threads)

    def _track(
        self, frames: Sequence[Frame], gaps: Sequence[tuple[Discontinuity, ...]]
    ) -> list[_Tracked]:
        if self._tracker is None:
            return [_Tracked((), 0, 0.0) for _ in frames]
        results: list[_Tracked] = []
        for frame, reasons in zip(frames, gaps, strict=True):
            start = time.perf_counter()
            if any(gap.reason == "size_change" for gap in reasons):
                self._tracker.reset()
            objects = self._tracker.update(frame.image_rgb)
            seconds = time.perf_counter() - start
            self._timer.add("track", seconds)
            session = self._tracker.session - self._first_session
            results.append(_Tracked(objects, session, seconds))
        return results

    def _join(
        self,
        group: FrameGroup,
        gaps: Sequence[tuple[Discontinuity, ...]],
        actions: "Future[list[tuple[tuple[ActionScore, ...], dict[str, float]]]]",
        tracked: "Future[list[_Tracked]]",
    ) -> list[Labelled]:
        labelled: list[Labelled] = []
        rows = zip(
            group.frames, group.wait_seconds, gaps, actions.result(), tracked.result(), strict=True
        )
        for frame, wait, reasons, (scores, seconds), objects in rows:
            timings = {"decode": wait, **seconds}
            if self._tracker is not None:
                timings["track"] = objects.seconds
            labelled.append(
                Labelled(frame, scores, objects.objects, objects.session, reasons, timings)
            )
        return labelled


def _use_one_core() -> None:
    torch.set_num_threads(1)
