"""The work on a frame, its parts side by side on threads of their own."""

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
from vidcache.pipeline.recall import Recall
from vidcache.pipeline.timer import StageTimer
from vidcache.tracking import Tracker, TwoStepTracker

__all__ = ["NUM_LOOKERS", "Labelled", "Stages"]

NUM_LOOKERS = 2
"""How many pictures of a file are looked at at once, where the tracker can look ahead."""


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
    timings: dict[str, float]


class Stages:
    """Runs encoder and head, the detector and the tracker beside each other.

    Frames reach the head and the tracker in their order, one thread each. Looks of a
    `TwoStepTracker` are taken ahead, and side by side. Each thread keeps to its share of the
    processors: threads of one stage that wait for those of another cost more than they bring.

    Args:
        model: The action model.
        tracker: The tracker, reset before the first frame; None for no objects.
        timer: Where the stages are counted.
        recall: What earlier runs know of the source, or None.
    """

    def __init__(
        self,
        model: ActionModel,
        tracker: Tracker | None,
        timer: StageTimer,
        recall: Recall | None = None,
    ) -> None:
        self._timer = timer
        self._tracker = tracker
        self._first_session = tracker.session if tracker is not None else 0
        self._actions = ActionStage(model, timer, recall)
        self._num_threads = torch.get_num_threads()
        self._looker = tracker if isinstance(tracker, TwoStepTracker) else None
        share = max(1, self._num_threads // 2)
        each = max(1, share // NUM_LOOKERS)
        self._action_thread = _executor("actions", 1, share)
        self._tracking_thread = _executor("tracking", 1, share if self._looker is None else 1)
        self._look_threads = _executor("looks", NUM_LOOKERS, each)

    def submit(
        self, group: FrameGroup, gaps: Sequence[tuple[Discontinuity, ...]]
    ) -> Callable[[], list[Labelled]]:
        """Starts the work on a group and returns what waits for it."""
        actions = self._action_thread.submit(self._actions.update, group.frames)
        looks = [self._look_threads.submit(self._look, frame) for frame in group.frames]
        tracked = self._tracking_thread.submit(self._track, group.frames, gaps, looks)
        return lambda: self._join(group, gaps, actions, tracked)

    def cache_stats(self) -> Mapping[str, Any]:
        """Counters of the temporal cache, once all submitted work is done."""
        return self._actions.stats()

    def close(self) -> None:
        """Drops work that has not begun and waits for what has."""
        for executor in (self._look_threads, self._action_thread, self._tracking_thread):
            executor.shutdown(wait=True, cancel_futures=True)
        self._actions.finish()
        # What a stage's thread sets is also what threads begun later inherit.
        torch.set_num_threads(self._num_threads)

    def _look(self, frame: Frame) -> tuple[Any, float]:
        """What is in a frame, and the seconds it took; nothing if the tracker looks itself."""
        if self._looker is None:
            return None, 0.0
        start = time.perf_counter()
        seen = self._looker.look([frame.image_rgb])[0]
        seconds = time.perf_counter() - start
        self._timer.add("detect", seconds)
        return seen, seconds

    def _track(
        self,
        frames: Sequence[Frame],
        gaps: Sequence[tuple[Discontinuity, ...]],
        looks: "Sequence[Future[tuple[Any, float]]]",
    ) -> list[_Tracked]:
        results: list[_Tracked] = []
        for frame, reasons, look in zip(frames, gaps, looks, strict=True):
            if self._tracker is None:
                results.append(_Tracked((), 0, {}))
                continue
            seen, look_seconds = look.result()
            start = time.perf_counter()
            if any(gap.reason == "size_change" for gap in reasons):
                self._tracker.reset()
            if self._looker is not None:
                objects = self._looker.follow(seen)
            else:
                objects = self._tracker.update(frame.image_rgb)
            timings = {"track": time.perf_counter() - start}
            self._timer.add("track", timings["track"])
            if self._looker is not None:
                timings = {"detect": look_seconds, **timings}
            session = self._tracker.session - self._first_session
            results.append(_Tracked(objects, session, timings))
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
            timings = {"decode": wait, **seconds, **objects.timings}
            labelled.append(
                Labelled(frame, scores, objects.objects, objects.session, reasons, timings)
            )
        return labelled


def _executor(name: str, num_workers: int, num_threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(
        num_workers, f"vidcache-{name}", lambda: torch.set_num_threads(num_threads)
    )
