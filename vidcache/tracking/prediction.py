# pyright: basic
"""How the trackers of Ultralytics go on through a frame that no detector has looked at."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PREDICTING_TRACKERS", "advance", "is_unsettled"]

PREDICTING_TRACKERS = (
    "botsort",
    "bytetrack",
    "deepocsort",
    "fasttrack",
    "ocsort",
    "tracktrack",
)
"""The trackers whose insides are known well enough to move them without a detection."""


def advance(tracker: Any, image_bgr: NDArray[np.uint8] | None) -> None:
    """Moves all tracks by one frame, as the tracker's own update does before it matches them.

    The frame counts: lost tracks are kept for as many frames as ever, and a motion model that is
    corrected after n frames has made n steps. Nothing is matched, lost, found or removed.

    Args:
        tracker: A tracker of Ultralytics, one of `PREDICTING_TRACKERS`.
        image_bgr: The picture, shape (height, width, 3), for trackers that take the camera's own
            movement out; None for the others.
    """
    from ultralytics.trackers.track_tracker import TRACKTRACK
    from ultralytics.trackers.utils.stracks import joint_stracks

    tracker.frame_id += 1
    tracks = joint_stracks(tracker.tracked_stracks, tracker.lost_stracks)
    if isinstance(tracker, TRACKTRACK):
        _advance_tracktrack(tracker, tracks, image_bgr)
        return
    tracker.multi_predict(tracks)
    if image_bgr is not None:
        tracker._pre_first_associate(tracks, [], image_bgr, _boxes_of(tracker, image_bgr))
    if tracker.args.tracker_type == "fasttrack":
        _remember_occlusions(tracker)


def is_unsettled(tracker: Any) -> bool:
    """Whether a new object waits for the next look to be confirmed.

    Args:
        tracker: A tracker of Ultralytics.
    """
    from ultralytics.trackers.basetrack import TrackState

    return any(
        not track.is_activated or track.state != TrackState.Tracked
        for track in tracker.tracked_stracks
    )


def _advance_tracktrack(
    tracker: Any, tracks: list[Any], image_bgr: NDArray[np.uint8] | None
) -> None:
    from ultralytics.trackers.track_tracker import TTSTrack

    if image_bgr is not None and tracker.gmc.method is not None:
        tracker._apply_gmc(image_bgr, tracker.tracked_stracks, [tracks])
    TTSTrack.multi_predict(tracks)
    for track in tracker.tracked_stracks:
        # It measures directions from the boxes of exactly one, two and three frames ago, and
        # takes the newest box, which has no direction, for one that is missing.
        track._history.append((tracker.frame_id, track.xyxy))


def _boxes_of(tracker: Any, image_bgr: NDArray[np.uint8]) -> Any:
    """What moves by itself, which methods that follow the camera leave out."""
    from ultralytics.engine.results import Boxes

    rows = np.zeros((len(tracker.tracked_stracks), 6), np.float32)
    for row, track in zip(rows, tracker.tracked_stracks, strict=True):
        row[:4] = track.xyxy
    return Boxes(rows, image_bgr.shape[:2])


def _remember_occlusions(tracker: Any) -> None:
    """Keeps what FastTracker counts in frames: its history of states, and how long one is hidden.

    How often a track was not matched stays what it is, a number of looks.
    """
    for track in tracker.tracked_stracks:
        if track.not_matched == 0:
            track._push_history()
        elif track.is_occluded:
            track.occluded_len += 1
