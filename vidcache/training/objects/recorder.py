# pyright: basic
"""What a camera would have seen of the people in a video, kept to learn from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidcache.frames import Frame, FrameResult
from vidcache.pipeline.object_models import ObjectModels
from vidcache.tracking import Tracker
from vidcache.training.objects.annotations import (
    ObjectAnnotation,
    ObjectTimeline,
    annotated_videos,
)
from vidcache.training.objects.recordings import label_tracks
from vidcache.training.objects.tracks import LabelledTrack
from vidcache.video import open_source
from vidcache.video.camera_motion import CameraMotion

__all__ = ["Recording", "record_tracks", "record_video"]


@dataclass(eq=False)
class Recording:
    """What was seen in a video.

    Attributes:
        size: Width and height of the pictures.
        results: The tracked objects of each frame, with keypoints.
        cameras: The camera's movement before each frame, shape (2, 3), by the frame's index.
        regions: Features of the picture under objects, by frame and number of the object.
    """

    size: tuple[int, int]
    results: list[FrameResult] = field(default_factory=list)
    cameras: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    regions: dict[tuple[int, int], NDArray[np.float32]] = field(default_factory=dict)


def record_video(
    path: Path,
    tracker: Tracker,
    models: ObjectModels,
    people: Sequence[str] = ("person",),
    on_frame: Callable[[Frame], None] | None = None,
) -> Recording:
    """Follow the people of a video as a run with these models would.

    Args:
        path: The video.
        tracker: Follows them; it is reset first.
        models: Which pose estimator and encoder are used beside it.
        people: The detector's labels that count as people.
        on_frame: Called after each frame.

    Raises:
        SourceError: The video cannot be read.
    """
    tracker.reset()
    camera = CameraMotion() if models.uses_camera_motion else None
    with open_source(str(path)) as source:
        recording = Recording(source.size)
        for frame in source:
            # Damaged pictures never reach the memory of a run either.
            if "tainted" not in frame.flags:
                _record(recording, frame, tracker, models, people, camera)
            if on_frame is not None:
                on_frame(frame)
    return recording


def record_tracks(
    annotations: Sequence[ObjectAnnotation],
    folder: Path,
    labels: Sequence[str],
    tracker: Tracker,
    models: ObjectModels,
    people: Sequence[str] = ("person",),
    on_frame: Callable[[str, Frame], None] | None = None,
) -> dict[str, LabelledTrack]:
    """Follow the people of all annotated videos, and find out what each of them does.

    Args:
        annotations: What is known of the videos.
        folder: Where the videos are.
        labels: The labels, in the order of the model's.
        tracker: Follows the people.
        models: Which pose estimator and encoder are used beside it.
        people: The detector's labels that count as people.
        on_frame: Called after each frame with the video's name.

    Returns:
        The tracks of which a label is known, by video and number.

    Raises:
        SourceError: A video cannot be read.
    """
    tracks: dict[str, LabelledTrack] = {}
    for name in annotated_videos(annotations):

        def report(frame: Frame, name: str = name) -> None:
            if on_frame is not None:
                on_frame(name, frame)

        seen = record_video(folder / name, tracker, models, people, report)
        found = label_tracks(
            seen.results,
            ObjectTimeline(annotations, name),
            seen.size,
            labels,
            cameras=seen.cameras,
            regions=seen.regions,
        )
        tracks |= {f"{name} #{number}": track for number, track in enumerate(found, 1)}
    return tracks


def _record(
    recording: Recording,
    frame: Frame,
    tracker: Tracker,
    models: ObjectModels,
    people: Sequence[str],
    camera: CameraMotion | None,
) -> None:
    objects = tracker.update(frame.image_rgb)
    chosen = [track for track in objects if track.label in people]
    objects = models.add_keypoints(frame.image_rgb, objects, chosen)
    chosen = [track for track in objects if track.label in people]
    if camera is not None:
        boxes = [track.box_xyxy for track in objects]
        recording.cameras[frame.index] = camera.update(frame.image_rgb, boxes)
    regions = models.look_under(frame.image_rgb, chosen)
    if regions is not None:
        for track, region in zip(chosen, regions, strict=True):
            recording.regions[frame.index, track.id] = region
    result = FrameResult(frame.index, frame.pts_seconds, "", (), tuple(chosen))
    recording.results.append(result)
