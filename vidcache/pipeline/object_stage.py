"""From tracks to the actions of every tracked person, for all sources."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vidcache.config import ObjectSettings
from vidcache.errors import MissingExtraError
from vidcache.frames import ActionScore, Frame, Track
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

    Objects of frames flagged ``tainted`` never reach the memory: they repeat their last scores.
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
        self, works: Sequence[Work], tracked: Sequence[Sequence[tuple[tuple[Track, ...], int]]]
    ) -> list[list[LabelledObjects]]:
        """Labels the objects of the next frames of sources.

        Args:
            works: One group a source.
            tracked: For each frame of each group its objects and the tracker's session.

        Returns:
            For each group the labelled objects of its frames.
        """
        return [
            [self._label(work, place, *found) for place, found in enumerate(frames)]
            for work, frames in zip(works, tracked, strict=True)
        ]

    def _label(
        self, work: Work, place: int, objects: tuple[Track, ...], session: int
    ) -> LabelledObjects:
        memory, frame = work.seat.objects, work.frames[place]
        assert memory is not None, "a source whose objects are labelled has a memory for them"
        memory.begin(session)
        if work.actions[place].state == "reset":
            memory.forget()
        if "tainted" in frame.flags:
            return LabelledObjects(objects, memory.repeat(self._people(objects)))
        timings: dict[str, float] = {}
        if self._models.pose is not None:
            with _timed(timings, "pose"):
                objects = self._with_keypoints(frame, objects)
        with _timed(timings, "camera"):
            memory.follow_camera(frame.image_rgb, objects)
        people = self._people(objects)
        regions = None
        if people and "region" in self._models.model.sources:
            with _timed(timings, "regions"):
                regions = self._regions(frame, people)
        with _timed(timings, "objects"):
            scores = memory.update(people, work.seconds[place], regions)
        return LabelledObjects(objects, scores, timings)

    def _people(self, objects: Sequence[Track]) -> list[Track]:
        return [track for track in objects if track.label in self._settings.labels]

    def _with_keypoints(self, frame: Frame, objects: tuple[Track, ...]) -> tuple[Track, ...]:
        """The objects, people with what the pose estimator finds in their boxes."""
        people = self._people(objects)
        if not people or self._models.pose is None:
            return objects
        boxes = np.array([track.box_xyxy for track in people])
        found = self._models.pose.estimate(frame.image_rgb, boxes)
        keypoints = {track.id: points for track, points in zip(people, found, strict=True)}
        return tuple(
            dataclasses.replace(track, keypoints=_seen(keypoints.get(track.id)))
            for track in objects
        )

    def _regions(self, frame: Frame, people: Sequence[Track]) -> NDArray[np.float32]:
        encoder = self._models.encoder
        assert encoder is not None, "a model that asks for regions comes with an encoder"
        boxes = np.array([track.box_xyxy for track in people])
        return encoder.regions(frame.image_rgb, boxes).cpu().numpy()

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


def _seen(keypoints: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    """Keypoints, or None where an estimator found none."""
    return None if keypoints is None or np.isnan(keypoints).all() else keypoints


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Generator[None]:
    start = time.perf_counter()
    yield
    timings[stage] = time.perf_counter() - start
