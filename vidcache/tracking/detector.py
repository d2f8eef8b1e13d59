# pyright: basic
"""The detectors that Ultralytics can load, behind one small class."""

import difflib
import queue
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import ConfigError, InputError
from vidcache.runtime import Choice, EngineName
from vidcache.runtime.engines import check_engine
from vidcache.tracking._checkpoint_engine import run_by_torch
from vidcache.tracking._model_engine import set_engine
from vidcache.tracking._predictor import make_predictor
from vidcache.tracking.model_files import find_model
from vidcache.tracking.protocols import Detection

__all__ = ["Observation", "UltralyticsDetector"]

_COCO_KEYPOINTS = (17, 3)


@dataclass(frozen=True, eq=False)
class Observation:
    """What an Ultralytics tracker gets to see of one picture.

    Attributes:
        rows: One row an object: left, top, right, bottom, score, class; shape (objects, 6).
        labels: Names of the classes by number.
        image_rgb: The picture.
        features: One appearance vector an object, if `UltralyticsDetector.provide_features` was
            called; shape (objects, channels).
        suppressed: Boxes (x, y, width, height), scores and classes that non-maximum suppression
            took away, if `UltralyticsDetector.provide_suppressed` was called and there are any.
        keypoints: Joints of each object in COCO's order, x and y in pixels and a score; shape
            (objects, 17, 3); None where the model has none.
    """

    rows: NDArray[np.float32]
    labels: tuple[str, ...]
    image_rgb: NDArray[np.uint8]
    features: NDArray[np.float32] | None = None
    suppressed: tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None = None
    keypoints: NDArray[np.float32] | None = None


class UltralyticsDetector:
    """A detection model that Ultralytics loads: ``.pt``, ``.onnx`` or another exported model.

    A pose model is one too: it finds boxes and their keypoints in one pass.

    Checkpoints (``.pt``) are unpickled with torch's ``weights_only`` against Ultralytics' list of
    known classes, so a file that holds anything else is refused. Exported models are graphs, but
    some of their run times are native code: load those only from people you trust.

    Several trackers may share one detector, also from several threads; ``num_parallel`` pictures
    go through it at a time, and the others wait.

    Args:
        model: ``auto``, ``auto-pose``, ``bundled``, a published name or a path: see `find_model`.
        image_size: Longer side of the picture that the model sees, in pixels; None for what the
            model was trained or exported with.
        confidence: Objects with a lower score are left out. Trackers use weak detections to keep
            an object that is half hidden, so it is lower than one would choose for showing.
        classes: Labels to keep; None keeps all.
        device: Where it runs, such as ``cpu`` or ``cuda:0``.
        precision: ``auto`` times one layer and takes bfloat16 where that is clearly faster (on
            processors; checkpoints that torch runs, and exported models that OpenVINO runs).
        engine: What runs a model on a processor: ``torch`` (checkpoints), ``openvino``, ``onnx``
            (ONNX Runtime), or ``auto`` for the fastest, measured once on this machine and
            remembered. A checkpoint is traced for them at the first picture of each size, which
            takes some seconds.
        num_parallel: How many pictures may be looked at at once; the model is loaded as often.

    Raises:
        ModelError: If the model is not found, cannot be fetched, or is no detection model.
        ConfigError: If a class is not among the model's labels.
        MissingExtraError: If Ultralytics, or what runs this kind of model, is not installed.

    Example:
        >>> detector = UltralyticsDetector("bundled")
        >>> detector.labels
        ('person',)
        >>> import numpy as np
        >>> detector.detect(np.zeros((480, 640, 3), np.uint8))
        ()
    """

    def __init__(
        self,
        model: str | Path = "auto",
        *,
        image_size: int | None = None,
        confidence: float = 0.1,
        classes: Iterable[str] | None = None,
        device: str = "cpu",
        precision: Literal["auto", "fp32", "bf16"] = "auto",
        engine: EngineName = "auto",
        num_parallel: int = 1,
    ) -> None:
        if not 0.0 < confidence < 1.0:
            raise ConfigError(f"confidence is {confidence}, expected a number between 0 and 1")
        if num_parallel < 1:
            raise ConfigError(f"num_parallel is {num_parallel}, expected at least 1")
        self._file = find_model(model)
        self._predictors = [
            make_predictor(
                self._file.path, image_size=image_size, confidence=confidence, device=device
            )
            for _ in range(num_parallel)
        ]
        check_engine(engine)
        self._precision, self._engine = set_engine(
            self._predictors, self._file.path, precision, engine
        )
        names: dict[int, str] = self._predictors[0].model.names
        self._labels = tuple(names[index] for index in sorted(names))
        # What an exported model takes at once was decided when it was exported.
        self._takes_batches = self._predictors[0].model.format == "pt"
        self._has_keypoints = _keypoint_shape(self._predictors[0]) == _COCO_KEYPOINTS
        self._has_features = False
        self._suppressed: Callable[[Any], Any] | None = None
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for predictor in self._predictors:
            if classes is not None:
                predictor.args.classes = _class_indices(classes, self._labels, self.name)
            self._free.put(predictor)

    @property
    def name(self) -> str:
        """File name of the model."""
        return self._file.path.name

    @property
    def description(self) -> str:
        """One line: which model, and why this one."""
        return self._file.reason

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that the model knows."""
        return self._labels

    @property
    def precision(self) -> str:
        """``fp32``, ``bf16``, or ``as exported``, which most often is fp32."""
        return self._precision

    @property
    def engine(self) -> Choice:
        """What runs the model, and why."""
        return self._engine

    @property
    def has_keypoints(self) -> bool:
        """Whether it sees COCO's 17 keypoints of each object: a pose model of people does."""
        return self._has_keypoints

    def detect(self, image_rgb: NDArray[np.uint8]) -> tuple[Detection, ...]:
        """Finds the objects of one picture.

        Args:
            image_rgb: The picture, shape (height, width, 3), uint8.

        Returns:
            The objects, best first.

        Raises:
            InputError: If the picture has another shape or type.
        """
        rows = self.observe([image_rgb])[0].rows
        order = np.argsort(-rows[:, 4], kind="stable")
        found = []
        for left, top, right, bottom, score, label in rows[order].tolist():
            box = (left, top, right, bottom)
            found.append(Detection(self._labels[int(label)], score, box))
        return tuple(found)

    def observe(self, images_rgb: Sequence[NDArray[np.uint8]]) -> list[Observation]:
        """Finds the objects of pictures, in the form that Ultralytics' trackers take.

        Pictures that are given together go through the model together where it can take several:
        a checkpoint, as long as nothing but boxes is asked of it.

        Args:
            images_rgb: Pictures of one size, each (height, width, 3), uint8.

        Raises:
            InputError: If a picture has another shape or type, or their sizes differ.
        """
        for image_rgb in images_rgb:
            if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype != np.uint8:
                raise InputError(
                    f"a picture of shape {image_rgb.shape} and type {image_rgb.dtype} was given, "
                    f"expected (height, width, 3) and uint8"
                )
        if len({image.shape for image in images_rgb}) > 1:
            raise InputError("pictures of several sizes were given together, expected one size")
        images = [np.ascontiguousarray(image) for image in images_rgb]
        together = self._takes_batches and self._suppressed is None and not self._has_features
        step = max(1, len(images)) if together else 1
        predictor = self._free.get()
        try:
            return [
                observation
                for start in range(0, len(images), step)
                for observation in self._predict(predictor, images[start : start + step])
            ]
        finally:
            self._free.put(predictor)

    def _predict(self, predictor: Any, images_rgb: list[NDArray[np.uint8]]) -> list[Observation]:
        results = predictor(images_rgb)
        suppressed = self._suppressed(predictor) if self._suppressed else None
        return [
            Observation(
                rows=result.boxes.data.cpu().numpy(),
                labels=self._labels,
                image_rgb=image_rgb,
                features=_features(result),
                suppressed=suppressed,
                keypoints=result.keypoints.data.cpu().numpy() if self._has_keypoints else None,
            )
            for image_rgb, result in zip(images_rgb, results, strict=True)
        ]

    def provide_features(self) -> bool:
        """From now on observations carry appearance vectors, taken from the model itself.

        Returns:
            False if this model has none to give: exported models, and heads that need no
            non-maximum suppression.
        """
        from ultralytics.nn.modules.head import Detect

        for predictor in self._predictors:
            network = getattr(predictor.model.backend.model, "model", None)
            head = network[-1] if network is not None and predictor.model.format == "pt" else None
            if not isinstance(head, Detect) or head.end2end:
                return False
            if getattr(predictor, "_feats", None) is None:
                # The name that Ultralytics' own predictor looks for.
                predictor._feats = []
                head.register_forward_pre_hook(_keep_inputs(predictor))
        if self._engine.name != "torch":
            run_by_torch([predictor.model.backend for predictor in self._predictors])
            self._engine = Choice("torch", "one of its layers describes how objects look")
        self._has_features = True
        return True

    def provide_suppressed(self, tracker_class: Any) -> None:
        """From now on observations carry what non-maximum suppression took away.

        Args:
            tracker_class: The tracker of Ultralytics that asks for it.
        """
        if self._suppressed is not None:
            return
        for predictor in self._predictors:
            tracker_class.setup_predictor(predictor)
        self._suppressed = lambda p: (tracker_class.compute_frame_extras(p) or [None])[0]


def _keypoint_shape(predictor: Any) -> tuple[int, ...] | None:
    shape = getattr(predictor.model, "kpt_shape", None)
    return None if predictor.args.task != "pose" or shape is None else tuple(shape)


def _features(result: Any) -> NDArray[np.float32] | None:
    features = getattr(result, "feats", None)
    return None if features is None or len(features) == 0 else features.cpu().numpy()


def _keep_inputs(predictor: Any) -> Callable[[Any, Any], None]:
    return lambda _head, inputs: setattr(predictor, "_feats", list(inputs[0]))


def _class_indices(classes: Iterable[str], labels: tuple[str, ...], model: str) -> list[int]:
    indices = []
    for label in classes:
        if label not in labels:
            near = difflib.get_close_matches(label, labels, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"it knows {', '.join(labels[:8])} …"
            raise ConfigError(f"the detector {model} has no class {label!r}; {hint}")
        indices.append(labels.index(label))
    return indices
