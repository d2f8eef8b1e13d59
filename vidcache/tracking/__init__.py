"""Detectors and trackers: pictures in, boxes with steady numbers out.

`Detector` and `Tracker` are protocols, so any other detector or tracker can be put in their
place, as can `PoseEstimator`, which finds keypoints for boxes that something else found.
`UltralyticsDetector`, `UltralyticsTracker` and `UltralyticsPose` are the implementation that
ships; this is the only package that imports Ultralytics (AGPL-3.0), and only when one of them is
made.
"""

from vidcache.tracking.detector import UltralyticsDetector
from vidcache.tracking.model_files import (
    ModelFile,
    bundled_detector,
    bundled_pose_model,
    find_model,
)
from vidcache.tracking.pose_estimator import UltralyticsPose
from vidcache.tracking.protocols import (
    Detection,
    Detector,
    PoseEstimator,
    PredictingTracker,
    Tracker,
    TwoStepTracker,
)
from vidcache.tracking.tracker import UltralyticsTracker
from vidcache.tracking.tracker_settings import (
    TrackerSettings,
    load_tracker_settings,
    tracker_names,
)

__all__ = [
    "Detection",
    "Detector",
    "ModelFile",
    "PoseEstimator",
    "PredictingTracker",
    "Tracker",
    "TrackerSettings",
    "TwoStepTracker",
    "UltralyticsDetector",
    "UltralyticsPose",
    "UltralyticsTracker",
    "bundled_detector",
    "bundled_pose_model",
    "find_model",
    "load_tracker_settings",
    "tracker_names",
]
