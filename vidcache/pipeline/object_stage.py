"""From tracks to the actions of every tracked person, for all sources."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vidcache.config import ObjectSettings
from vidcache.errors import MissingExtraError
from vidcache.frames import ActionScore, Track
from vidcache.pipeline.object_memory import ObjectMemory, ObjectScores
from vidcache.pipeline.object_models import ObjectModels
from vidcache.pipeline.object_rows import ObjectRows
from vidcache.pipeline.work import Work

if TYPE_CHECKING:
    from vidcache.video.camera_motion import CameraMotion

__all__ = ["LabelledObjects", "ObjectStage", "best_of_objects"]


@dataclass(frozen=True)
class LabelledObjects:
    """The objects of one frame.

    Attributes:
        objects: All of them, with the keypoints that were found for them.
        scores: The scores of those that get actions.
        timings: Seconds that it took by stage: ``camera``, ``pose``, ``regions``, ``objects``.
    """

    objects: tuple[Track, ...]
    scores: ObjectScores
    timings: dict[str, float] = field(default_factory=dict[str, float])


class ObjectStage:
    """Labels the objects of all sources, those of each in the order of its frames.

    Objects of frames flagged ``tainted`` never reach the memory: they repeat their last scores. So
    do those of frames that no detector looked at.
    The objects of one frame are stepped together, and never with those of another source, so that
    a source has the results that it has alone, to the bit.

    Args:
        models: The models.
        settings: What is remembered of whom.
    """

    def __init__(self, models: ObjectModels, settings: ObjectSettings) -> None:
        self._models = models
        self._settings = settings
        self._rows = ObjectRows(models.model)

    def join(self) -> ObjectMemory:
        """Makes the memory of a new source."""
        return ObjectMemory(
            self._rows,
            self._models.model.labels,
            keep_seconds=self._settings.keep_seconds,
            max_tracks=self._settings.max_tracks,
            camera=self._make_camera_motion(),
        )

    def leave(self, memory: ObjectMemory) -> Mapping[str, Any]:
        """Frees the rows of a source that has gone, and returns its counters."""
        figures = memory.stats()
        memory.forget()
        return figures

    def update(
        self,
        works: Sequence[Work],
        tracked: Sequence[Sequence[tuple[tuple[Track, ...], int, bool]]],
    ) -> list[list[LabelledObjects]]:
        """Labels the objects of the next frames of sources.

        Args:
            works: One group a source.
            tracked: For each frame of each group its objects, the tracker's session, and whether
                the objects were predicted.

        Returns:
            For each group the labelled objects of its frames.
        """
        return [
            [self._label(work, place, *found) for place, found in enumerate(frames)]
            for work, frames in zip(works, tracked, strict=True)
        ]

    def _label(
        self, work: Work, place: int, objects: tuple[Track, ...], session: int, is_predicted: bool
    ) -> LabelledObjects:
        memory, frame = work.seat.objects, work.frames[place]
        assert memory is not None, "a source whose objects are labelled has a memory for them"
        memory.begin(session)
        if work.actions[place].state == "reset":
            memory.forget()
        if "tainted" in frame.flags:
            return LabelledObjects(objects, memory.repeat(self._people(objects)))
        timings: dict[str, float] = {}
        people = self._people(objects)
        if is_predicted:
            # A box that was made up says nothing new, but what is remembered stays in place.
            with _timed(timings, "camera"):
                memory.follow_camera(frame.image_rgb, objects)
            return LabelledObjects(objects, memory.repeat(people), timings)
        if self._models.pose is not None:
            with _timed(timings, "pose"):
                objects = self._models.add_keypoints(frame.image_rgb, objects, people)
                people = self._people(objects)
        with _timed(timings, "camera"):
            memory.follow_camera(frame.image_rgb, objects)
        regions = None
        if people and "region" in self._models.model.sources:
            with _timed(timings, "regions"):
                regions = self._models.look_under(frame.image_rgb, people)
        with _timed(timings, "objects"):
            scores = memory.update(people, work.seconds[place], regions)
        return LabelledObjects(objects, scores, timings)

    def _people(self, objects: Sequence[Track]) -> list[Track]:
        return [track for track in objects if track.label in self._settings.labels]

    def _make_camera_motion(self) -> CameraMotion | None:
        if self._settings.camera_motion == "off" or not self._models.uses_camera_motion:
            return None
        try:
            from vidcache.video.camera_motion import CameraMotion
        except ImportError as error:
            raise MissingExtraError("opencv-python", "run", "follow a camera that moves") from error
        return CameraMotion()


def best_of_objects(scores: ObjectScores) -> tuple[ActionScore, ...]:
    """For each label the best score among objects, best first; none where nobody is.

    Args:
        scores: The scores of a frame's objects.
    """
    best: dict[str, ActionScore] = {}
    for of_one in scores.values():
        for score in of_one:
            if score.label not in best or score.score > best[score.label].score:
                best[score.label] = score
    return tuple(sorted(best.values(), key=lambda score: -score.score))


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Generator[None]:
    start = time.perf_counter()
    yield
    timings[stage] = time.perf_counter() - start
