# pyright: basic
"""Makes the trackers that Ultralytics ships."""

from typing import Any

from vidcache.errors import ConfigError, ModelError
from vidcache.tracking._ultralytics import first_line, load_ultralytics
from vidcache.tracking.detector import UltralyticsDetector
from vidcache.tracking.model_files import find_model
from vidcache.tracking.protocols import Detector
from vidcache.tracking.tracker_settings import TrackerSettings

__all__ = ["looks_at_pictures", "make_tracker"]

_NATIVE_REID = "auto"
_REID_FALLBACK = "yolo26n-cls.pt"


def looks_at_pictures(tracker: Any) -> bool:
    """Whether a tracker compensates the camera's motion, or compares what objects look like.

    Args:
        tracker: A tracker of Ultralytics.
    """
    motion = getattr(getattr(tracker, "gmc", None), "method", None)
    return motion is not None or getattr(tracker, "encoder", None) is not None


def make_tracker(settings: TrackerSettings, detector: Detector, device: str) -> Any:
    """Makes a tracker of Ultralytics.

    Args:
        settings: Which one, and its settings.
        detector: What it will follow, which is asked for what the tracker needs besides boxes.
        device: Where a re-identification model runs.

    Raises:
        ModelError: If that model is not found or cannot be read.
        ConfigError: If the tracker refuses a setting.
    """
    load_ultralytics()
    from ultralytics.trackers.track import TRACKER_MAP
    from ultralytics.utils import IterableSimpleNamespace

    values = dict(settings.values)
    tracker_class = TRACKER_MAP[settings.name]
    own = detector if isinstance(detector, UltralyticsDetector) else None
    if values.get("with_reid"):
        values["model"] = _reid_model(str(values.get("model", _NATIVE_REID)), own)
    if own is not None and hasattr(tracker_class, "setup_predictor"):
        own.provide_suppressed(tracker_class)
    try:
        return tracker_class(args=IterableSimpleNamespace(**values, device=device))
    except ValueError as error:  # a method of motion compensation that does not exist
        raise ConfigError(f"the tracker {settings.name} refuses its settings: {error}") from error
    except Exception as error:  # Ultralytics and the run times below it raise any kind
        raise ModelError(
            f"the re-identification model {values.get('model')} cannot be read: {first_line(error)}"
        ) from error


def _reid_model(model: str, detector: UltralyticsDetector | None) -> str:
    """As Ultralytics does: the detector's own features, or a small classifier's."""
    if model == _NATIVE_REID:
        if detector is not None and detector.provide_features():
            return _NATIVE_REID
        model = _REID_FALLBACK
    return str(find_model(model, flag="'model' in the tracker's settings").path)
