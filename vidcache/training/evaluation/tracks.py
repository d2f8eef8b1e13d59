# pyright: basic
"""How well objects are followed: HOTA, MOTA and IDF1 against ground truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import InputError, MissingExtraError
from vidcache.training.evaluation.tracked_boxes import TrackedBoxes

__all__ = ["TrackQuality", "track_quality"]

_DISTRACTOR_OVERLAP = 0.5


@dataclass(frozen=True)
class TrackQuality:
    """How well the objects of videos are followed; the first six from 0 to 1, 1 being perfect.

    Attributes:
        hota: Higher order tracking accuracy: the mean over overlaps of 0.05 to 0.95 of the
            geometric mean of detection and association.
        detection: DetA, how well objects are found, the mean over these overlaps.
        association: AssA, how well found objects keep their numbers, likewise.
        mota: 1 − (missed + wrong + switches) / true boxes, at one overlap; may be below 0.
        motp: Mean overlap of what was found, at this overlap.
        idf1: F1 score of boxes with the right number all through a video, at this overlap.
        num_switches: How often an object's number changes.
        num_missed: True boxes that are not found.
        num_wrong: Tracked boxes that are none.
        num_boxes: True boxes.
        num_objects: True objects.
        num_tracks: Tracked objects.
        num_frames: Frames.
    """

    hota: float
    detection: float
    association: float
    mota: float
    motp: float
    idf1: float
    num_switches: int
    num_missed: int
    num_wrong: int
    num_boxes: int
    num_objects: int
    num_tracks: int
    num_frames: int

    def to_dict(self) -> dict[str, float]:
        """Return everything as plain values for JSON."""
        return asdict(self)


def track_quality(
    truth: Sequence[TrackedBoxes], tracks: Sequence[TrackedBoxes], overlap: float = 0.5
) -> TrackQuality:
    """Judge the tracks of videos.

    Several videos are judged as benchmarks do it: counts are added, association is weighed by what
    was found. A tracked box that fits a distractor best does not count.

    Args:
        truth: What is there in each video.
        tracks: What was tracked in each video. Frames are those of the truth: in a frame where
            nothing is true, everything tracked is wrong.
        overlap: Least intersection over union of a match for MOTA, MOTP and IDF1.

    Returns:
        The quality of all videos together.

    Raises:
        InputError: The numbers of videos differ, the overlap is out of range, or no true box is
            there.
        MissingExtraError: The package trackers is not installed.

    Source: Luiten et al. 2021, "HOTA"; Bernardin and Stiefelhagen 2008, "CLEAR MOT"; Ristani et al.
        2016 (IDF1); as computed by the package ``trackers``.
    """
    if len(truth) != len(tracks) or not truth:
        raise InputError(
            f"truth of {len(truth)} videos and tracks of {len(tracks)}: give both for the same "
            "videos, at least one"
        )
    if not 0 < overlap <= 1:
        raise InputError(f"overlap is {overlap}: give a part above 0, at most 1")
    if not any(boxes.counted.any() for boxes in truth):
        raise InputError("the truth has no box that counts: there is nothing to judge")
    try:
        # Imported where it is needed: it loads OpenCV and more.
        from trackers import eval as measures
    except ImportError as error:
        raise MissingExtraError("trackers", "tracks", "judge tracks") from error
    videos = [_matched(real, said, measures) for real, said in zip(truth, tracks, strict=True)]
    hota = measures.aggregate_hota_metrics([measures.compute_hota_metrics(*v) for v in videos])
    clear = measures.aggregate_clear_metrics(
        [measures.compute_clear_metrics(*video, threshold=overlap) for video in videos]
    )
    identity = measures.aggregate_identity_metrics(
        [measures.compute_identity_metrics(*video, threshold=overlap) for video in videos]
    )
    return _quality(hota, clear, identity, videos)


_Video = tuple[
    list[NDArray[np.int64]],
    list[NDArray[np.int64]],
    list[NDArray[np.float64]],
]


def _quality(
    hota: Mapping[str, Any],
    clear: Mapping[str, Any],
    identity: Mapping[str, Any],
    videos: Sequence[_Video],
) -> TrackQuality:
    return TrackQuality(
        hota=hota["HOTA"],
        detection=hota["DetA"],
        association=hota["AssA"],
        mota=clear["MOTA"],
        motp=clear["MOTP"],
        idf1=identity["IDF1"],
        num_switches=clear["IDSW"],
        num_missed=clear["CLR_FN"],
        num_wrong=clear["CLR_FP"],
        num_boxes=sum(len(ids) for true_ids, _, _ in videos for ids in true_ids),
        num_objects=sum(_num_different(true_ids) for true_ids, _, _ in videos),
        num_tracks=sum(_num_different(ids) for _, ids, _ in videos),
        num_frames=sum(len(true_ids) for true_ids, _, _ in videos),
    )


def _matched(truth: TrackedBoxes, tracks: TrackedBoxes, measures: Any) -> _Video:
    """Return for each frame the true numbers, the tracked ones, and how boxes overlap."""
    true_ids: list[NDArray[np.int64]] = []
    ids: list[NDArray[np.int64]] = []
    overlaps: list[NDArray[np.float64]] = []
    num_frames = max(truth.num_frames, tracks.num_frames)
    for real, said in zip(_by_frame(truth, num_frames), _by_frame(tracks, num_frames), strict=True):
        table = measures.box_iou(truth.boxes_xyxy[real], tracks.boxes_xyxy[said])
        counted = truth.counted[real]
        judged = ~_on_distractors(table, truth.distractor[real])
        true_ids.append(truth.ids[real][counted])
        ids.append(tracks.ids[said][judged])
        overlaps.append(table[counted][:, judged])
    return true_ids, ids, overlaps


def _by_frame(boxes: TrackedBoxes, num_frames: int) -> list[NDArray[np.int64]]:
    """Return the places of the boxes of each frame."""
    order = np.argsort(boxes.frames, kind="stable")
    borders = np.searchsorted(boxes.frames[order], np.arange(2, num_frames + 1))
    return np.split(order, borders)


def _on_distractors(
    overlaps: NDArray[np.float64], distractor: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which tracked boxes belong to a distractor when all of them are shared out."""
    from scipy.optimize import linear_sum_assignment

    near = np.where(overlaps >= _DISTRACTOR_OVERLAP, overlaps, 0.0)
    taken = np.zeros(overlaps.shape[1], dtype=np.bool_)
    for row, column in zip(*linear_sum_assignment(near, maximize=True), strict=True):
        taken[column] = distractor[row] and near[row, column] > 0
    return taken


def _num_different(ids: Sequence[NDArray[np.int64]]) -> int:
    return len(np.unique(np.concatenate(ids))) if ids else 0
