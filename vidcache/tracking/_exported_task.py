# pyright: basic
"""What an exported model was made for, as Ultralytics noted it in the export."""

import json
import zipfile
from pathlib import Path

import yaml

from vidcache.runtime.quiet_imports import import_onnxruntime

_UNKNOWN = "detect"


def exported_task(path: Path) -> str:
    """The task of an exported model, such as ``detect`` or ``pose``.

    It stands in an ONNX file's metadata, in a TorchScript file's ``config.txt``, and in the
    ``metadata.yaml`` of formats that are folders. Models that say nothing detect objects.

    Args:
        path: The file or folder.
    """
    if path.suffix == ".onnx":
        return _task_of_onnx(path)
    if path.suffix == ".torchscript":
        return _task_of_torchscript(path)
    notes = path / "metadata.yaml"
    if notes.is_file():
        values = yaml.safe_load(notes.read_text(encoding="utf-8"))
        return str(values.get("task", _UNKNOWN))
    return _UNKNOWN


def _task_of_onnx(path: Path) -> str:
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    # Only the notes are wanted, so nothing is optimised.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.get_modelmeta().custom_metadata_map.get("task", _UNKNOWN)


def _task_of_torchscript(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        found = [name for name in archive.namelist() if name.endswith("extra/config.txt")]
        text = archive.read(found[0]).decode() if found else "{}"
    return str(json.loads(text).get("task", _UNKNOWN))
