# pyright: basic
"""The one place that imports Ultralytics, with its habits switched off first."""

import contextlib
import importlib
import json
import os
import sys
from types import ModuleType

from vidcache.errors import MissingExtraError
from vidcache.runtime.cache_folder import cache_folder
from vidcache.runtime.quiet_imports import keep_onnxruntime_quiet

# Read by Ultralytics while it is imported. Offline covers its version checks, analytics and
# downloads; models are fetched by `vidcache.tracking.model_files`, which can time out.
_ENVIRONMENT = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "ULTRALYTICS_SAFE_LOAD": "true",
}


def load_ultralytics() -> ModuleType:
    """Imports Ultralytics without telemetry, downloads or installs at run time.

    Its settings live in our cache folder, checkpoints are read with ``weights_only`` against its
    list of known classes, and what its import changes globally is put back: the number of
    OpenMP and OpenCV threads, the print options of torch and NumPy, ``torch.save``.

    Where a program has imported Ultralytics before, its settings file is left alone and the
    same is switched off in memory.

    Raises:
        MissingExtraError: If Ultralytics, or what tracks with it, is not installed.
    """
    keep_onnxruntime_quiet()
    first = "ultralytics" not in sys.modules
    if first:
        with _unchanged_globals():
            os.environ.update(_ENVIRONMENT)
            os.environ["YOLO_CONFIG_DIR"] = str(cache_folder())
            _write_first_settings()
            ultralytics = _import("ultralytics", "find objects")
    else:
        ultralytics = _import("ultralytics", "find objects")
    _import("lap", "follow objects")
    _switch_off()
    return ultralytics


def first_line(error: BaseException) -> str:
    """What a message of Ultralytics, or of a run time below it, says before its advice."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].removeprefix("ERROR ❌️ ") if lines else type(error).__name__


def _import(package: str, purpose: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        missing = (error.name or package).split(".")[0]
        raise MissingExtraError(missing, "run", purpose) from error


def _write_first_settings() -> None:
    """Ultralytics fills in what is missing, and would begin with its analytics on."""
    folder = cache_folder()
    path = folder / "Ultralytics" / "settings.json"
    if path.exists():
        return
    names = {"datasets_dir": "datasets", "weights_dir": "models", "runs_dir": "runs"}
    values = {key: str(folder / name) for key, name in names.items()} | {"sync": False}
    with contextlib.suppress(OSError):  # a folder that cannot be written: it has a fallback
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")


def _switch_off() -> None:
    settings = importlib.import_module("ultralytics.utils").SETTINGS
    # dict.update: the class's own would write the settings file.
    dict.update(settings, sync=False, vscode_msg=False, openvino_msg=False)
    for name in ("clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb"):
        dict.update(settings, {name: False})
    importlib.import_module("ultralytics.utils.events").events.enabled = False
    vars(importlib.import_module("ultralytics.nn.tasks"))["SAFE_LOAD"] = True


@contextlib.contextmanager
def _unchanged_globals():
    import numpy as np
    import torch

    threads = os.environ.get("OMP_NUM_THREADS")
    opencv_threads = sys.modules["cv2"].getNumThreads() if "cv2" in sys.modules else -1
    save = torch.save
    printing = importlib.import_module("torch._tensor_str").PRINT_OPTS
    numpy_options = np.get_printoptions()
    torch_options = vars(printing).copy()
    try:
        yield
    finally:
        if threads is None:
            os.environ.pop("OMP_NUM_THREADS", None)
        if "cv2" in sys.modules:
            sys.modules["cv2"].setNumThreads(opencv_threads)
        torch.save = save
        np.set_printoptions(**numpy_options)
        vars(printing).update(torch_options)
