"""The work on frames, its parts side by side on threads of their own."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch

from vidcache.frames import Frame, Track
from vidcache.model import ActionModel, TextLabels
from vidcache.pipeline.actions import ActionStage, FrameScores
from vidcache.pipeline.object_stage import LabelledObjects, ObjectStage, best_of_objects
from vidcache.pipeline.recall import Recall
from vidcache.pipeline.seats import Seat
from vidcache.pipeline.work import Labelled, Work
from vidcache.tracking import Tracker, TwoStepTracker

__all__ = ["NUM_LOOKERS", "Stages"]

NUM_LOOKERS = 2
"""How many looks at pictures are taken at once, where the tracker can look ahead."""


@dataclass(frozen=True)
class _Seen:
    """What a look found in one frame, and the seconds it took."""

    found: Any
    seconds: float


@dataclass(frozen=True)
class _Tracked:
    objects: tuple[Track, ...]
    session: int
    timings: dict[str, float]


class Stages:
    """Runs encoder and head, the detector and the trackers beside each other; then come objects.

    Frames reach the head and the trackers in their order, one thread each. Looks of a
    `TwoStepTracker` are taken ahead, side by side, and at several pictures at once. Each thread
    keeps to its share of the processors: threads of one stage that wait for those of another cost
    more than they bring.

    Args:
        model: The action model of whole pictures; None labels none.
        tracker: One of the trackers, all of which are twins; None for no objects.
        objects: Labels what is tracked; None labels no objects.
    """

    def __init__(
        self,
        model: ActionModel | None,
        tracker: Tracker | None,
        objects: ObjectStage | None = None,
    ) -> None:
        self._actions = None if model is None else ActionStage(model)
        self._objects = objects
        self._closed = False
        self._num_threads = torch.get_num_threads()
        self._looker = tracker if isinstance(tracker, TwoStepTracker) else None
        share = max(1, self._num_threads // 2 if model is not None else self._num_threads)
        each = max(1, share // NUM_LOOKERS)
        self._action_thread = _executor("actions", 1, share)
        self._tracking_thread = _executor("tracking", 1, share if self._looker is None else 1)
        self._look_threads = _executor("looks", NUM_LOOKERS, each)
        self._object_thread = _executor("objects", 1, 1)

    def join(self, recall: Recall | None = None) -> Seat:
        """Gives a new source its place in the temporal cache, between two steps.

        Args:
            recall: What earlier runs know of the source, or None.
        """
        seat = Seat(None)
        if self._actions is not None:
            seat = self._action_thread.submit(self._actions.join, recall).result()
        if self._objects is not None:
            seat.objects = self._objects.join()
        return seat

    def leave(self, seat: Seat) -> Mapping[str, Any]:
        """Takes a source's place back, and returns the counters of its memory."""
        figures: dict[str, Any] = {}
        if self._actions is not None:
            figures |= self._on(self._action_thread, self._actions.leave, seat)
        if self._objects is not None and seat.objects is not None:
            of_objects = self._on(self._object_thread, self._objects.leave, seat.objects)
            figures["objects"] = dict(of_objects)
        return figures

    def set_text_labels(self, texts: TextLabels) -> None:
        """Labels whole pictures by these texts, from the next group on.

        Raises:
            ConfigError: If the model's head does not predict embeddings, or not such ones.
        """
        assert self._actions is not None, "texts label whole pictures"
        if self._closed:
            self._actions.set_text_labels(texts)
        else:
            # Between two groups: all frames of a group have the same labels.
            self._action_thread.submit(self._actions.set_text_labels, texts).result()

    def submit(self, works: Sequence[Work]) -> Callable[[], list[list[Labelled]]]:
        """Starts the work on groups, one a source, and returns what waits for it."""
        actions = None
        if self._actions is not None:
            actions = self._action_thread.submit(self._actions.update, works)
        looks = self._look(works)
        tracked = self._tracking_thread.submit(self._track, works, looks)
        if self._objects is None:
            return lambda: _join(works, actions and actions.result(), tracked.result(), None)
        objects = self._object_thread.submit(self._label, self._objects, works, tracked)
        return lambda: _join(
            works, actions and actions.result(), tracked.result(), objects.result()
        )

    def close(self) -> None:
        """Drops work that has not begun and waits for what has; sources may still leave."""
        self._closed = True
        for executor in (
            *(self._look_threads, self._action_thread, self._tracking_thread),
            self._object_thread,
        ):
            executor.shutdown(wait=True, cancel_futures=True)
        # What a stage's thread sets is also what threads begun later inherit.
        torch.set_num_threads(self._num_threads)

    def _on(
        self, thread: ThreadPoolExecutor, leave: Callable[[Any], Mapping[str, Any]], place: Any
    ) -> Mapping[str, Any]:
        return leave(place) if self._closed else thread.submit(leave, place).result()

    @staticmethod
    def _label(
        stage: ObjectStage, works: Sequence[Work], tracked: "Future[list[list[_Tracked]]]"
    ) -> list[list[LabelledObjects]]:
        found = [[(seen.objects, seen.session) for seen in group] for group in tracked.result()]
        return stage.update(works, found)

    def _look(self, works: Sequence[Work]) -> "dict[int, tuple[Future[list[_Seen]], int]]":
        """For each frame, by its identity: a look that it is part of, and its place there."""
        looks: dict[int, tuple[Future[list[_Seen]], int]] = {}
        if self._looker is not None:
            for frames in _cut(works):
                look = self._look_threads.submit(self._see, self._looker, frames)
                looks.update({id(frame): (look, place) for place, frame in enumerate(frames)})
        return looks

    def _see(self, looker: TwoStepTracker, frames: Sequence[Frame]) -> list[_Seen]:
        start = time.perf_counter()
        found = looker.look([frame.image_rgb for frame in frames])
        seconds = time.perf_counter() - start
        return [_Seen(seen, seconds / len(frames)) for seen in found]

    def _track(
        self, works: Sequence[Work], looks: "Mapping[int, tuple[Future[list[_Seen]], int]]"
    ) -> list[list[_Tracked]]:
        return [
            [self._follow(work, place, looks) for place in range(len(work.frames))]
            for work in works
        ]

    def _follow(
        self, work: Work, place: int, looks: "Mapping[int, tuple[Future[list[_Seen]], int]]"
    ) -> _Tracked:
        tracker, frame = work.tracker, work.frames[place]
        if tracker is None:
            return _Tracked((), 0, {})
        timings: dict[str, float] = {}
        seen = None
        if id(frame) in looks:
            look, number = looks[id(frame)]
            seen = look.result()[number]
            timings["detect"] = seen.seconds
        start = time.perf_counter()
        if work.actions[place].new_session:
            tracker.reset()
        if seen is not None and isinstance(tracker, TwoStepTracker):
            objects = tracker.follow(seen.found)
        else:
            objects = tracker.update(frame.image_rgb)
        timings["track"] = time.perf_counter() - start
        return _Tracked(objects, tracker.session, timings)


def _cut(works: Sequence[Work]) -> Iterator[list[Frame]]:
    """Cuts frames into looks: pictures of one size, so many that every looker gets its share.

    Groups of a file are cut by themselves (see `Work`).
    """
    live = [frame for work in works if work.is_live for frame in work.frames]
    groups = [work.frames for work in works if not work.is_live]
    for frames in [*groups, sorted(live, key=_size)]:
        for _, same in groupby(frames, key=_size):
            alike = list(same)
            step = -(-len(alike) // NUM_LOOKERS)
            yield from (alike[start : start + step] for start in range(0, len(alike), step))


def _size(frame: Frame) -> tuple[int, ...]:
    return frame.image_rgb.shape


def _join(
    works: Sequence[Work],
    scored: Sequence[Sequence[FrameScores]] | None,
    tracked: Sequence[Sequence[_Tracked]],
    labelled: Sequence[Sequence[LabelledObjects]] | None,
) -> list[list[Labelled]]:
    """Brings together what the stages say of each frame, those that ran."""
    results: list[list[Labelled]] = []
    for number, work in enumerate(works):
        group: list[Labelled] = []
        for place, frame in enumerate(work.frames):
            seen = tracked[number][place]
            of_objects = LabelledObjects(seen.objects, {})
            if labelled is not None:
                of_objects = labelled[number][place]
            said = FrameScores(best_of_objects(of_objects.scores), {})
            if scored is not None:
                said = scored[number][place]
            timings = said.timings | seen.timings | of_objects.timings
            group.append(
                Labelled(
                    frame,
                    said.scores,
                    of_objects.objects,
                    seen.session,
                    work.gaps[place],
                    timings,
                    of_objects.scores,
                    said.labels,
                )
            )
        results.append(group)
    return results


def _executor(name: str, num_workers: int, num_threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(
        num_workers, f"vidcache-{name}", lambda: torch.set_num_threads(num_threads)
    )
