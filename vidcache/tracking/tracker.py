# pyright: basic
"""The trackers that Ultralytics ships, each owned by one stream."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import ConfigError
from vidcache.frames import Track
from vidcache.runtime import EngineName
from vidcache.tracking._shipped_tracker import looks_at_pictures, make_tracker
from vidcache.tracking.detector import Observation, UltralyticsDetector
from vidcache.tracking.prediction import PREDICTING_TRACKERS, advance, is_unsettled
from vidcache.tracking.protocols import Detector
from vidcache.tracking.tracker_settings import TrackerSettings, load_tracker_settings

__all__ = ["UltralyticsTracker"]


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
        self._tracker = make_tracker(self._settings, detector, device)
        self._looks = looks_at_pictures(self._tracker)
        self._session = 0
        self._labels: list[str] = []
        self._numbers: dict[int, int] = {}
        self._last_number = 0
        # Those of the last look, by the tracker's own numbers.
        self._shown: dict[int, Track] = {}

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

    @property
    def can_predict(self) -> bool:
        """Whether `predict` knows this tracker: all do that Ultralytics ships today."""
        return self.name in PREDICTING_TRACKERS

    @property
    def wants_look(self) -> bool:
        """Whether a new object waits for the next look to be confirmed."""
        return is_unsettled(self._tracker)

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
        found = self._tracker.update(
            boxes, self._image_bgr(seen.image_rgb), feats=seen.features, dets_del=seen.suppressed
        )
        self._forget_removed()
        self._shown = {}
        for row in found:
            if (box := _within(row[:4], width, height)) is not None:
                number = self._number(int(row[4]))
                label = self._labels[int(row[6])]
                keypoints = _keypoints_of(seen, int(row[7]))
                self._shown[int(row[4])] = Track(number, label, float(row[5]), box, keypoints)
        return _by_number(self._shown.values())

    def predict(self, image_rgb: NDArray[np.uint8]) -> tuple[Track, ...]:
        """Goes on to the next frame without a look at it: objects move on as they did.

        Boxes follow the tracker's own model of motion, and the camera where the tracker does. The
        frame counts for how long lost objects are kept. An object that the last look did not find
        is not shown, nor is one whose box has left the picture.

        Args:
            image_rgb: The picture, shape (height, width, 3), uint8.

        Returns:
            The objects of the last look, in the order of their numbers, with the scores of that
            look and without keypoints; none before the first look of a session.

        Raises:
            ConfigError: If this tracker's insides are not known.
        """
        if not self.can_predict:
            raise ConfigError(
                f"the tracker {self.name} cannot go on without a detection: set detect_every to 1, "
                f"or take one of {', '.join(PREDICTING_TRACKERS)}"
            )
        if not self._tracker.frame_id:
            return ()
        advance(self._tracker, self._image_bgr(image_rgb))
        height, width = image_rgb.shape[:2]
        tracks = []
        for moved in self._tracker.tracked_stracks:
            shown, box = self._shown.get(moved.track_id), _within(moved.xyxy, width, height)
            if shown is not None and box is not None:
                tracks.append(replace(shown, box_xyxy=box, keypoints=None))
        return _by_number(tracks)

    def reset(self) -> None:
        """Forgets every object and starts a new session, whose numbers begin at 1."""
        self._tracker.reset()
        self._numbers.clear()
        self._last_number = 0
        self._shown = {}
        self._session += 1

    def twin(self) -> "UltralyticsTracker":
        """Makes a tracker for another stream, as new, with the same detector and settings."""
        return UltralyticsTracker(
            self._detector,
            tracker=self._settings.name,
            tracker_settings=self._settings.values,
            device=self._device,
        )

    def _image_bgr(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """The picture as the tracker takes it; None for one that does not look at pictures."""
        # Turning the channels around costs more than following: only for those that look.
        return np.ascontiguousarray(image_rgb[..., ::-1]) if self._looks else None

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


def _within(
    box_xyxy: NDArray[np.floating], width: int, height: int
) -> tuple[float, float, float, float] | None:
    """A box cut at the picture's edge; None where nothing of it is left."""
    limits = np.array([width, height, width, height], np.float32)
    left, top, right, bottom = np.clip(box_xyxy, 0, limits).tolist()
    return (left, top, right, bottom) if right > left and bottom > top else None


def _by_number(tracks: Iterable[Track]) -> tuple[Track, ...]:
    return tuple(sorted(tracks, key=lambda track: track.id))


def _keypoints_of(seen: Observation, detection: int) -> NDArray[np.float32] | None:
    """Those of one detection; a box that only the tracker recovered, -1, has none."""
    return None if seen.keypoints is None or detection < 0 else seen.keypoints[detection]
