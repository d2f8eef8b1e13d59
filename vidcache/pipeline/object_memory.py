"""What is remembered of the objects of one source."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vidcache.frames import ActionScore, Track
from vidcache.model.object_model import TrackMemory
from vidcache.pipeline.object_rows import ObjectRows

if TYPE_CHECKING:
    from vidcache.video.camera_motion import CameraMotion

__all__ = ["ObjectMemory", "ObjectScores"]

ObjectScores = dict[int, tuple[ActionScore, ...]]
"""The scores of objects by their numbers, best first; none where nothing is known of an object."""


@dataclass(eq=False)
class _Remembered:
    """One object.

    Attributes:
        row: Its row of the shared state.
        memory: Its last second.
        seconds: When it was seen last.
        scores: What was said of it then, best first.
    """

    row: int
    memory: TrackMemory
    seconds: float
    scores: tuple[ActionScore, ...] = ()


class ObjectMemory:
    """A row of the shared state for each object of one source, and its last second.

    An object that is not seen keeps both for a while, so that one that comes back goes on where it
    was. Where there are too many, the one that was not seen for longest makes room; objects beyond
    the limit that are all in view at once have no memory, and nothing is said of them.

    Args:
        rows: The state that all sources share.
        labels: Names of the actions.
        keep_seconds: How long an object is remembered that is not seen.
        max_tracks: How many objects are remembered at most.
        camera: Tells how the source's camera moves; None where it is taken to stand still.
    """

    def __init__(
        self,
        rows: ObjectRows,
        labels: Sequence[str],
        *,
        keep_seconds: float,
        max_tracks: int,
        camera: CameraMotion | None = None,
    ) -> None:
        self._rows = rows
        self._labels = tuple(labels)
        self._keep_seconds = keep_seconds
        self._max_tracks = max_tracks
        self._camera = camera
        self._session: int | None = None
        self._size: tuple[int, int] | None = None
        # Time of the newest frame.
        self._seconds = 0.0
        # Those that were not seen for longest come first.
        self._known: OrderedDict[int, _Remembered] = OrderedDict()
        self._num_tracks = self._num_evicted = self._most = 0

    def __len__(self) -> int:
        return len(self._known)

    def stats(self) -> Mapping[str, Any]:
        """Counters: objects that were given a row, and at most at once; those that lost theirs."""
        return {
            "tracks": self._num_tracks,
            "most_rows": self._most,
            "evicted": self._num_evicted,
            "num_rows": self._rows.num_rows,
            "nbytes": self._rows.nbytes,
        }

    def forget(self) -> None:
        """Forgets every object and frees its row."""
        for number in list(self._known):
            self._free(number)
        if self._camera is not None:
            self._camera.reset()

    def begin(self, session: int) -> None:
        """Takes note of the tracker's session: numbers of another one mean other objects."""
        if session != self._session:
            self.forget()
            self._session = session

    def repeat(self, tracks: Sequence[Track]) -> ObjectScores:
        """What was last said of objects; a damaged picture says nothing new.

        Args:
            tracks: The objects.
        """
        known = self._known
        return {t.id: known[t.id].scores if t.id in known else () for t in tracks}

    def follow_camera(self, image_rgb: NDArray[np.uint8], tracks: Sequence[Track]) -> None:
        """Moves what is remembered into the pixels of the next frame, along with the camera.

        Args:
            image_rgb: The picture of that frame.
            tracks: Everything that is tracked in it.
        """
        height, width = image_rgb.shape[:2]
        old_height, old_width = self._size or (height, width)
        self._size = (height, width)
        # A picture of another size shows the same scene in other pixels.
        movement = np.array([[width / old_width, 0.0, 0.0], [0.0, height / old_height, 0.0]])
        if self._camera is not None:
            if tracks or self._known:
                boxes = [track.box_xyxy for track in tracks]
                movement = movement @ _square(self._camera.update(image_rgb, boxes))
            else:
                self._camera.reset()
        if not np.array_equal(movement, np.eye(2, 3)):
            for known in self._known.values():
                known.memory.move_camera(movement)

    def update(
        self,
        tracks: Sequence[Track],
        seconds: float,
        regions: NDArray[np.float32] | None = None,
    ) -> ObjectScores:
        """Takes the objects of the next frame and scores them.

        Args:
            tracks: The objects, in the order of their numbers.
            seconds: Time of the frame.
            regions: Features of the picture under each, shape (K, R), where the model wants them.

        Returns:
            The scores of all these objects.
        """
        in_view = [track.id for track in tracks]
        self._age(in_view, seconds)
        self._welcome(in_view, seconds)
        seen: list[_Remembered] = []
        for place, track in enumerate(tracks):
            if (known := self._known.get(track.id)) is not None:
                region = None if regions is None else regions[place]
                known.memory.add(seconds, track.box_xyxy, track.keypoints, region)
                seen.append(known)
        if seen:
            memories, rows = [k.memory for k in seen], [k.row for k in seen]
            for known, row in zip(seen, self._rows.step(memories, rows, seconds), strict=True):
                known.scores = self._ranked(row)
        return self.repeat(tracks)

    def _age(self, in_view: Sequence[int], seconds: float) -> None:
        """Forgets objects that were not seen for too long."""
        for number, known in list(self._known.items()):
            if seconds - known.seconds <= self._keep_seconds:
                break
            # However far frames lie apart, who is in two that follow each other was not away.
            if known.seconds < self._seconds or number not in in_view:
                self._free(number)
        self._seconds = seconds

    def _welcome(self, in_view: Sequence[int], seconds: float) -> None:
        """Gives newcomers a row, if there is room or somebody who is not in view can make some."""
        for number in in_view:
            if number in self._known:
                self._known.move_to_end(number)
                self._known[number].seconds = seconds
        for number in in_view:
            if number in self._known:
                continue
            if len(self._known) >= self._max_tracks:
                oldest = next(iter(self._known))
                if oldest in in_view:
                    break
                self._free(oldest)
                self._num_evicted += 1
            self._known[number] = _Remembered(self._rows.take(), TrackMemory(), seconds)
            self._num_tracks += 1
        self._most = max(self._most, len(self._known))

    def _free(self, number: int) -> None:
        self._rows.give_back(self._known.pop(number).row)

    def _ranked(self, row: Sequence[float]) -> tuple[ActionScore, ...]:
        scores = [ActionScore(label, p) for label, p in zip(self._labels, row, strict=True)]
        return tuple(sorted(scores, key=lambda score: -score.score))


def _square(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.vstack([matrix, [0.0, 0.0, 1.0]])
