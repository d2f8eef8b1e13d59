# pyright: basic
"""Tracks of real video with labels: what a run saw of people, and what annotations say of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidcache.frames import FrameResult, Track
from vidcache.model.object_model import TrackHistory
from vidcache.model.object_model.source_features import Source
from vidcache.training.objects.annotations import ObjectTimeline, match_boxes
from vidcache.training.objects.performances import IGNORED
from vidcache.training.objects.tracks import LabelledTrack, TrackBatch, batch_tracks

__all__ = ["ObservedTruth", "RecordedBatches", "label_tracks", "observed_truth", "parts_of"]

_UNSEEN = np.full((17, 3), np.nan)


@dataclass(frozen=True)
class ObservedTruth:
    """What is known of a person in one frame, and what a run saw there.

    Attributes:
        person: Who it is.
        label: What the person does; None where that is not known.
        frame: Index of the frame.
        session: The tracker's session.
        track: The tracked object at that place; None where there was none.
    """

    person: int
    label: str | None
    frame: int
    session: int
    track: Track | None


def observed_truth(
    results: Iterable[FrameResult], truth: ObjectTimeline, size: tuple[int, int]
) -> list[ObservedTruth]:
    """Finds the tracked object of every annotated person, frame by frame.

    Args:
        results: What a run said of the video's frames.
        truth: What is known of its people.
        size: Width and height of the pictures.

    Returns:
        One entry a frame and person.
    """
    scale = np.array([*size, *size], dtype=np.float64)
    found: list[ObservedTruth] = []
    for result in results:
        people = truth.at(result.pts_seconds)
        boxes = np.array([person.box for person in people]).reshape(-1, 4) * scale
        seen = np.array([track.box_xyxy for track in result.objects]).reshape(-1, 4)
        pairs = match_boxes(boxes, seen)
        found += [
            ObservedTruth(
                person.id,
                person.label,
                result.index,
                result.session,
                result.objects[pairs[number]] if number in pairs else None,
            )
            for number, person in enumerate(people)
        ]
    return found


def label_tracks(
    results: Sequence[FrameResult],
    truth: ObjectTimeline,
    size: tuple[int, int],
    labels: Sequence[str],
    *,
    cameras: Mapping[int, NDArray[np.float64]] | None = None,
    regions: Mapping[tuple[int, int], NDArray[np.float32]] | None = None,
) -> list[LabelledTrack]:
    """Makes labelled tracks of a run over a video, to train on.

    Args:
        results: What a run said of the video's frames, with tracked objects.
        truth: What is known of its people.
        size: Width and height of the pictures.
        labels: Names of the labels, in the order of the model's; others do not count.
        cameras: For frames before which the camera moved, by their index: the affine map, shape
            (2, 3), from the pixels of the frame before to those of this one.
        regions: Features of the picture under tracked objects, shape (R,), by the index of the
            frame and the number of the object; None for a model that does without.

    Returns:
        One track a person and number that the tracker gave; frames in which the person was not
        annotated do not count.
    """
    known = {
        (seen.frame, seen.track.id): seen.label
        for seen in observed_truth(results, truth, size)
        if seen.track is not None
    }
    tracks: dict[tuple[int, int], list[_Row]] = {}
    to_first = np.eye(3)
    for result in results:
        camera = (cameras or {}).get(result.index)
        if camera is not None:
            # All in the pixels of the first frame: there a camera that moves stands still.
            to_first = to_first @ np.linalg.inv(np.vstack((camera, [0.0, 0.0, 1.0])))
        for track in result.objects:
            label = known.get((result.index, track.id))
            number = labels.index(label) if label in labels else IGNORED
            region = (regions or {}).get((result.index, track.id))
            row = _Row(result.pts_seconds, track, to_first[:2], number, region)
            tracks.setdefault((result.session, track.id), []).append(row)
    made = (_labelled(rows) for rows in tracks.values())
    return [track for track in made if (track.labels != IGNORED).any()]


class RecordedBatches:
    """Batches of random parts of labelled tracks, without an end.

    Args:
        tracks: The tracks.
        sources: Sources of the model.
        batch_size: Tracks of a batch.
        seed: The same seed draws the same batches.
        num_frames: Observations of a part; a shorter track is filled up with some that do not
            count.
    """

    def __init__(
        self,
        tracks: Sequence[LabelledTrack],
        sources: tuple[Source, ...],
        batch_size: int,
        seed: int,
        num_frames: int = 48,
    ) -> None:
        self._tracks, self._sources = tracks, sources
        self._batch_size, self._seed, self._num_frames = batch_size, seed, num_frames

    def __iter__(self) -> Iterator[TrackBatch]:
        rng = np.random.default_rng((19, self._seed))
        weights = np.array([float(len(track.labels)) for track in self._tracks])
        while True:
            chosen = rng.choice(len(weights), self._batch_size, p=weights / weights.sum())
            parts = [_part(rng, self._tracks[number], self._num_frames) for number in chosen]
            yield batch_tracks(parts, self._sources, rng)


def parts_of(track: LabelledTrack, num_frames: int) -> list[LabelledTrack]:
    """Cuts a track into parts that follow each other.

    Args:
        track: The track.
        num_frames: Observations of a part at most.
    """
    length = len(track.labels)
    starts = range(0, length, num_frames)
    return [_chosen(track, np.arange(at, min(at + num_frames, length))) for at in starts]


def _part(rng: np.random.Generator, track: LabelledTrack, num_frames: int) -> LabelledTrack:
    length = len(track.labels)
    start = int(rng.integers(max(1, length - num_frames + 1)))
    rows = np.arange(start, start + num_frames)
    part = _chosen(track, np.minimum(rows, length - 1))
    return LabelledTrack(part.history, np.where(rows < length, part.labels, IGNORED))


def _chosen(track: LabelledTrack, rows: NDArray[np.int64]) -> LabelledTrack:
    seen = track.history
    history = TrackHistory(
        seen.seconds[rows], seen.boxes_xyxy[rows], seen.keypoints[rows], seen.regions[rows]
    )
    return LabelledTrack(history, track.labels[rows])


@dataclass(frozen=True, eq=False)
class _Row:
    """One observation of a track: when, what, in which pixels, its label, and how it looks."""

    seconds: float
    track: Track
    to_first: NDArray[np.float64]
    label: int
    region: NDArray[np.float32] | None


def _labelled(rows: list[_Row]) -> LabelledTrack:
    boxes, keypoints = [], []
    for row in rows:
        to_first = row.to_first
        box = np.array(row.track.box_xyxy, dtype=np.float64)
        zoom = np.sqrt(abs(np.linalg.det(to_first[:, :2])))
        center = to_first[:, :2] @ (box[:2] + box[2:]) / 2 + to_first[:, 2]
        half = (box[2:] - box[:2]) / 2 * zoom
        boxes.append(np.concatenate((center - half, center + half)))
        seen = _UNSEEN if row.track.keypoints is None else row.track.keypoints
        points = np.array(seen, dtype=np.float64)
        points[:, :2] = points[:, :2] @ to_first[:, :2].T + to_first[:, 2]
        keypoints.append(points)
    seconds = np.array([row.seconds for row in rows])
    history = TrackHistory.of_boxes(
        seconds, np.array(boxes), np.array(keypoints), _regions([row.region for row in rows])
    )
    return LabelledTrack(history, np.array([row.label for row in rows]))


def _regions(found: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float64] | None:
    known = [region for region in found if region is not None]
    if not known:
        return None
    nothing = np.full(known[0].shape, np.nan)
    return np.array([nothing if region is None else region for region in found], np.float64)
