# pyright: basic
"""The trackers that Ultralytics ships, each owned by one stream."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import ConfigError, ModelError
from vidcache.frames import Track
from vidcache.runtime import EngineName
from vidcache.tracking._ultralytics import first_line, load_ultralytics
from vidcache.tracking.detector import Observation, UltralyticsDetector
from vidcache.tracking.model_files import find_model
from vidcache.tracking.protocols import Detector
from vidcache.tracking.tracker_settings import TrackerSettings, load_tracker_settings

__all__ = ["UltralyticsTracker"]

_NATIVE_REID = "auto"
_REID_FALLBACK = "yolo26n-cls.pt"


class UltralyticsTracker:
    """Follows the objects of one stream with one of the trackers of Ultralytics.

    An object gets its number when the tracker confirms it. Numbers begin at 1 in every session,
    have no gaps, and are never given twice within a session. Two trackers never touch, and may
    share one detector.

    Args:
        detector: A detector, or what `UltralyticsDetector` takes as its model.
        tracker: Name of a tracker (`tracker_names` lists them), or the path of a settings file.
        tracker_settings: Settings that replace the shipped ones: a mapping or a YAML file.
        image_size: For the detector: longer side of the picture that the model sees, in pixels.
        confidence: For the detector: objects with a lower score are left out.
        classes: For the detector: labels to keep; None keeps all.
        device: Where the detector and a re-identification model run.
        precision: For the detector: ``auto``, ``fp32`` or ``bf16``.
        engine: For the detector: what runs an exported model; ``auto`` is the fastest.
        num_parallel: For the detector: how many pictures may be looked at at once.

    Raises:
        ModelError: If a model is not found, cannot be fetched, or is no detection model.
        ConfigError: If the tracker, a setting or a class is unknown.
        MissingExtraError: If Ultralytics is not installed.

    Example:
        >>> import numpy as np
        >>> tracker = UltralyticsTracker("bundled", tracker="bytetrack")
        >>> tracker.update(np.zeros((480, 640, 3), np.uint8))
        ()
        >>> tracker.reset()
        >>> tracker.session
        1
    """

    def __init__(
        self,
        detector: str | Path | Detector = "auto",
        *,
        tracker: str | Path = "bytetrack",
        tracker_settings: str | Path | Mapping[str, Any] | None = None,
        image_size: int | None = None,
        confidence: float = 0.1,
        classes: Iterable[str] | None = None,
        device: str = "cpu",
        precision: Literal["auto", "fp32", "bf16"] = "auto",
        engine: EngineName = "auto",
        num_parallel: int = 1,
    ) -> None:
        # Settings come first: a mistake in them is found without loading a model.
        self._settings = load_tracker_settings(tracker, tracker_settings)
        if isinstance(detector, (str, Path)):
            detector = UltralyticsDetector(
                detector,
                image_size=image_size,
                confidence=confidence,
                classes=classes,
                device=device,
                precision=precision,
                engine=engine,
                num_parallel=num_parallel,
            )
        self._detector: Detector = detector
        self._device = device
        self._tracker = _make_tracker(self._settings, detector, device)
        self._looks = _looks_at_pictures(self._tracker)
        self._session = 0
        self._labels: list[str] = []
        self._numbers: dict[int, int] = {}
        self._last_number = 0

    @property
    def name(self) -> str:
        """Name of the tracker, such as ``bytetrack``."""
        return self._settings.name

    @property
    def detector(self) -> Detector:
        """The detector, which other trackers may share."""
        return self._detector

    @property
    def settings(self) -> TrackerSettings:
        """The tracker's settings, complete."""
        return self._settings

    @property
    def description(self) -> str:
        """One line: which detector and tracker, and why these."""
        return f"{self._detector.description}; tracker {self.name}"

    @property
    def session(self) -> int:
        """Number of the session, from 0; every `reset` starts a new one."""
        return self._session

    def update(self, image_rgb: NDArray[np.uint8]) -> tuple[Track, ...]:
        """Looks at the next frame.

        Args:
            image_rgb: The picture, shape (height, width, 3), uint8.

        Returns:
            The objects that are seen and confirmed in this frame, in the order of their numbers.
            Boxes are cut at the picture's edge. Where the detector has keypoints, a track
            carries those of the detection that it was matched to.

        Raises:
            InputError: If the picture has another shape or type.
        """
        return self.follow(self.look([image_rgb])[0])

    def look(self, images_rgb: Sequence[NDArray[np.uint8]]) -> list[Observation]:
        """Finds the objects of pictures: the first half of `update`.

        It neither uses nor changes what the tracker remembers, so pictures may be looked at in
        any order and from several threads, and then followed in theirs, also by a `twin`.

        Args:
            images_rgb: Pictures of one size, each (height, width, 3), uint8.

        Raises:
            InputError: If a picture has another shape or type.
        """
        if isinstance(self._detector, UltralyticsDetector):
            return self._detector.observe(images_rgb)
        return [self._observe(image) for image in images_rgb]

    def _observe(self, image_rgb: NDArray[np.uint8]) -> Observation:
        found = self._detector.detect(image_rgb)
        labels = tuple(dict.fromkeys(detection.label for detection in found))
        rows = [(*d.box_xyxy, d.score, labels.index(d.label)) for d in found]
        return Observation(
            rows=np.array(rows, np.float32).reshape(-1, 6),
            labels=labels,
            image_rgb=image_rgb,
        )

    def follow(self, seen: Observation) -> tuple[Track, ...]:
        """Goes on to the next frame with what `look` saw in it: the second half of `update`.

        Args:
            seen: What `look` returned for the next frame.

        Returns:
            As `update`.
        """
        from ultralytics.engine.results import Boxes

        height, width = seen.image_rgb.shape[:2]
        boxes = Boxes(self._with_own_classes(seen), (height, width))
        # Turning the channels around costs more than following: only for those that look.
        image_bgr = np.ascontiguousarray(seen.image_rgb[..., ::-1]) if self._looks else None
        found = self._tracker.update(
            boxes, image_bgr, feats=seen.features, dets_del=seen.suppressed
        )
        self._forget_removed()
        limits = np.array([width, height, width, height], np.float32)
        tracks = []
        for row in found:
            left, top, right, bottom = np.clip(row[:4], 0, limits).tolist()
            if right > left and bottom > top:
                number = self._number(int(row[4]))
                label = self._labels[int(row[6])]
                box = (left, top, right, bottom)
                keypoints = _keypoints_of(seen, int(row[7]))
                tracks.append(Track(number, label, float(row[5]), box, keypoints))
        return tuple(sorted(tracks, key=lambda track: track.id))

    def reset(self) -> None:
        """Forgets every object and starts a new session, whose numbers begin at 1."""
        self._tracker.reset()
        self._numbers.clear()
        self._last_number = 0
        self._session += 1

    def twin(self) -> "UltralyticsTracker":
        """Makes a tracker for another stream, as new, with the same detector and settings."""
        return UltralyticsTracker(
            self._detector,
            tracker=self._settings.name,
            tracker_settings=self._settings.values,
            device=self._device,
        )

    def _with_own_classes(self, seen: Observation) -> NDArray[np.float32]:
        """The rows with class numbers that mean the same in every frame."""
        if tuple(self._labels) == seen.labels:
            return seen.rows
        self._labels += [label for label in seen.labels if label not in self._labels]
        numbers = np.array([self._labels.index(label) for label in seen.labels], np.float32)
        rows = seen.rows.copy()
        rows[:, 5] = numbers[rows[:, 5].astype(int)]
        return rows

    def _number(self, tracker_id: int) -> int:
        if tracker_id not in self._numbers:
            self._last_number += 1
            self._numbers[tracker_id] = self._last_number
        return self._numbers[tracker_id]

    def _forget_removed(self) -> None:
        """Keeps the table of numbers as small as the tracker's own memory."""
        held = {t.track_id for t in (*self._tracker.tracked_stracks, *self._tracker.lost_stracks)}
        self._numbers = {key: self._numbers[key] for key in self._numbers.keys() & held}


def _keypoints_of(seen: Observation, detection: int) -> NDArray[np.float32] | None:
    """Those of one detection; a box that only the tracker recovered, -1, has none."""
    return None if seen.keypoints is None or detection < 0 else seen.keypoints[detection]


def _looks_at_pictures(tracker: Any) -> bool:
    """Whether it compensates the camera's motion, or compares what objects look like."""
    motion = getattr(getattr(tracker, "gmc", None), "method", None)
    return motion is not None or getattr(tracker, "encoder", None) is not None


def _make_tracker(settings: TrackerSettings, detector: Detector, device: str) -> Any:
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
