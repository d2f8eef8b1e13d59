# pyright: basic
"""A model loaded by Ultralytics, ready to look at pictures in RGB."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import MissingExtraError, ModelError
from vidcache.runtime.engines import is_installed
from vidcache.runtime.quiet_imports import import_openvino
from vidcache.tracking._exported_task import exported_task
from vidcache.tracking._ultralytics import first_line, load_ultralytics

__all__ = ["make_predictor"]

_TASKS = ("detect", "pose")


def make_predictor(path: Path, *, image_size: int | None, confidence: float, device: str) -> Any:
    """Loads a model that finds objects, and looks at one empty picture with it.

    Args:
        path: The model file.
        image_size: Longer side of the picture that the model sees, in pixels; None for its own.
        confidence: Objects with a lower score are left out.
        device: Where it runs.

    Returns:
        The predictor of Ultralytics, which takes RGB.

    Raises:
        ModelError: It cannot be read as a model, or is one for another task.
        MissingExtraError: What runs this kind of model is not installed.
    """
    ultralytics = load_ultralytics()
    import torch

    num_threads = torch.get_num_threads()
    settings: dict[str, Any] = {"conf": confidence, "device": device, "mode": "track"}
    if image_size is not None:
        settings["imgsz"] = image_size
    if path.is_dir() and is_installed("openvino"):
        import_openvino()  # what such folders most often are for, before Ultralytics imports it
    try:
        task = None if path.suffix == ".pt" else exported_task(path)
        model = ultralytics.YOLO(str(path), task=task)
        if model.task not in _TASKS:
            raise ModelError(
                f"{path} is a model for the task {model.task!r}, expected one that detects objects "
                f"or their poses"
            )
        # A first look builds the run time, so that a file that is no model fails here.
        model.predict(np.zeros((64, 64, 3), np.uint8), save=False, verbose=False, **settings)
    except (ModelError, KeyboardInterrupt):
        raise
    except ImportError as error:
        raise MissingExtraError(error.name or "a run time", "run", f"run {path.name}") from error
    except Exception as error:  # Ultralytics and the run times below it raise any kind
        raise ModelError(f"{path} cannot be read as a model: {first_line(error)}") from error
    finally:
        # Choosing a device, Ultralytics leaves one processor to others: of two, one is left.
        torch.set_num_threads(num_threads)
    predictor = model.predictor
    predictor.args.verbose = False
    predictor.preprocess = _take_rgb(predictor)
    return predictor


def _take_rgb(predictor: Any) -> Callable[[Any], Any]:
    """What a predictor, made for OpenCV's order of channels, does before the network, for RGB.

    To turn the order of whole frames around took longer than all else that is done around the
    network; OpenCV takes channels apart several times as fast as torch.
    """
    import cv2
    import torch

    def preprocess(images: Sequence[NDArray[np.uint8]]) -> Any:
        small = predictor.pre_transform(images)
        planes = np.empty((len(small), 3, *small[0].shape[:2]), np.uint8)
        for image, out in zip(small, planes, strict=True):
            cv2.split(image, [*out])
        pixels = torch.from_numpy(planes).to(predictor.device)
        return (pixels.half() if predictor.model.fp16 else pixels.float()).div_(255)

    return preprocess
