"""The work on frames, its parts side by side on threads of their own."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np
import torch

from vidcache.config import EncoderSettings
from vidcache.encoder.features import FeatureCache
from vidcache.frames import Frame, Track
from vidcache.model import ActionModel, TextLabels
from vidcache.pipeline.actions import ActionStage, FrameScores, Task
from vidcache.pipeline.cadence import Cadence
from vidcache.pipeline.object_stage import LabelledObjects, ObjectStage, best_of_objects
from vidcache.pipeline.recall import Recall
from vidcache.pipeline.seats import Seat
from vidcache.pipeline.work import Labelled, Work
from vidcache.pipeline.workers import Workers, stage_thread
from vidcache.tracking import PredictingTracker, Tracker, TwoStepTracker

__all__ = ["MOST_LOOKERS", "Stages"]

MOST_LOOKERS = 4
"""How many looks at pictures are taken at once at most: for each, the detector is loaded."""

# Width and height that detectors are built for before a picture has come.
_MOST_CAMERAS = (1280, 720)


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
    is_predicted: bool = False


class Stages:
    """Runs encoder and head, the detector and the trackers beside each other; then come objects.

    Frames reach the head and the trackers in their order, one thread each. Pictures are encoded,
    and looks of a `TwoStepTracker` taken ahead, by `Workers`, several at once.

    Args:
        model: The action model of whole pictures; None labels none.
        tracker: One of the trackers, all of which are twins; None for no objects.
        objects: Labels what is tracked; None labels no objects.
        encoder: How the encoder saves work.
        detect_every: Which frames the detector looks at, see `Cadence`; other than 1 only for a
            tracker that predicts.
        feature_cache: Where features of pictures are kept; None keeps none.
        picture_size: Width and height of the pictures to come, for which a detector is built
            ahead; None where they are not known yet.

    Raises:
        ConfigError: The encoder cannot work so.
    """

    def __init__(
        self,
        model: ActionModel | None,
        tracker: Tracker | None,
        objects: ObjectStage | None = None,
        encoder: EncoderSettings | None = None,
        *,
        detect_every: int | Literal["auto"] = 1,
        feature_cache: FeatureCache | None = None,
        picture_size: tuple[int, int] | None = None,
    ) -> None:
        self._objects = objects
        self._detect_every: int | Literal["auto"] = detect_every
        self._closed = False
        self._num_threads = torch.get_num_threads()
        self._looker = tracker if isinstance(tracker, TwoStepTracker) else None
        self._model = model
        looks = self._looker is not None
        on_gpu = model is not None and model.encoder.device.type != "cpu"
        # Beside a GPU there is something to do on each of two threads, one after the other.
        num_workers = 2 if on_gpu else self._num_threads
        self._workers = Workers(num_workers, num_others=int(looks))
        self._actions = None
        if model is not None:
            settings = encoder or EncoderSettings()
            self._actions = ActionStage(model, self._workers, settings, feature_cache)
        self._encoding_thread = stage_thread("encoding", 1)
        # A head's step is too short to be shared, and its threads would wait for those of others.
        self._action_thread = stage_thread("actions", 1)
        alone = self._num_threads if model is None else max(1, self._num_threads // 2)
        self._tracking_thread = stage_thread("tracking", 1 if looks else alone)
        self._object_thread = stage_thread("objects", 1)
        self._warm_up(picture_size or _MOST_CAMERAS)

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
        seat.cadence = Cadence(self._detect_every)
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
            change = self._action_thread.submit(self._actions.set_text_labels, texts)
            try:
                change.result()
            except CancelledError:  # the run ended first
                self._actions.set_text_labels(texts)

    def submit(self, works: Sequence[Work]) -> Callable[[], list[list[Labelled]]]:
        """Starts the work on groups, one a source, and returns what waits for it."""
        actions = None
        if self._actions is not None:
            encoded = self._encoding_thread.submit(self._actions.encode, works)
            actions = self._action_thread.submit(self._score, self._actions, encoded)
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
        # The workers come last: who waits for them must not wait for ever.
        executors = (
            self._encoding_thread, self._action_thread, self._tracking_thread, self._object_thread
        )  # fmt: skip
        for executor in executors:
            executor.shutdown(wait=False, cancel_futures=True)
        for executor in executors:
            executor.shutdown(wait=True)
        self._workers.close()
        # What a stage's thread sets is also what threads begun later inherit.
        torch.set_num_threads(self._num_threads)

    def _warm_up(self, picture_size: tuple[int, int]) -> None:
        """Lets engines be built, and weights laid out, before the first frame waits for them."""
        if self._model is not None:
            self._workers.warm_up(self._model.warm_up)
        if self._actions is not None:
            self._action_thread.submit(self._actions.warm_up).result()
        if self._looker is not None:
            width, height = picture_size
            empty = [np.zeros((height, width, 3), np.uint8)]
            look = self._looker.look
            self._workers.warm_up(lambda: look(empty))

    def _on(
        self, thread: ThreadPoolExecutor, leave: Callable[[Any], Mapping[str, Any]], place: Any
    ) -> Mapping[str, Any]:
        return leave(place) if self._closed else thread.submit(leave, place).result()

    @staticmethod
    def _score(stage: ActionStage, encoded: "Future[list[Task]]") -> list[list[FrameScores]]:
        return stage.score(encoded.result())

    @staticmethod
    def _label(
        stage: ObjectStage, works: Sequence[Work], tracked: "Future[list[list[_Tracked]]]"
    ) -> list[list[LabelledObjects]]:
        found = [
            [(seen.objects, seen.session, seen.is_predicted) for seen in group]
            for group in tracked.result()
        ]
        return stage.update(works, found)

    def _look(self, works: Sequence[Work]) -> "dict[int, tuple[Future[list[_Seen]], int]]":
        """For each frame to look at, by its identity: a look with it, and its place there."""
        looks: dict[int, tuple[Future[list[_Seen]], int]] = {}
        if self._looker is not None:
            for frames in _cut(works, [_looked_at(work) for work in works]):
                look = self._workers.submit(self._see, self._looker, frames)
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
        if work.actions[place].new_session:
            tracker.reset()
        timings: dict[str, float] = {}
        seen = None
        if id(frame) in looks:
            look, number = looks[id(frame)]
            seen = look.result()[number]
        elif isinstance(tracker, PredictingTracker):
            if not (work.seat.cadence.follows_doubts and tracker.wants_look):
                start = time.perf_counter()
                objects = tracker.predict(frame.image_rgb)
                timings["track"] = time.perf_counter() - start
                return _Tracked(objects, tracker.session, timings, is_predicted=True)
            seen = self._see(tracker, [frame])[0]
        start = time.perf_counter()
        if seen is not None and isinstance(tracker, TwoStepTracker):
            timings["detect"] = seen.seconds
            objects = tracker.follow(seen.found)
        else:
            objects = tracker.update(frame.image_rgb)
        timings["track"] = time.perf_counter() - start
        return _Tracked(objects, tracker.session, timings)


def _looked_at(work: Work) -> list[Frame]:
    """The frames of a group that the detector looks at, whatever the tracker may ask for."""
    cadence = work.seat.cadence
    return [
        frame
        for frame, gaps, action in zip(work.frames, work.gaps, work.actions, strict=True)
        if cadence.looks_at(frame, after_break=bool(gaps) or action.new_session)
    ]


def _cut(works: Sequence[Work], looked_at: Sequence[Sequence[Frame]]) -> Iterator[list[Frame]]:
    """Cuts frames into looks: pictures of one size, so many that every looker gets its share.

    The cuts are the same however many workers there are: what stands beside a picture in a batch
    can change the rounding of its boxes.

    Groups of a file are cut by themselves (see `Work`).
    """
    chosen = list(zip(works, looked_at, strict=True))
    live = [frame for work, frames in chosen if work.is_live for frame in frames]
    groups = [frames for work, frames in chosen if not work.is_live]
    for frames in [*groups, sorted(live, key=_size)]:
        for _, same in groupby(frames, key=_size):
            alike = list(same)
            step = -(-len(alike) // MOST_LOOKERS)
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
                    seen.is_predicted,
                )
            )
        results.append(group)
    return results
