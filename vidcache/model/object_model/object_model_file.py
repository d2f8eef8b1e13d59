"""The file of a model of objects' actions, and the bundled ones."""

import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from vidcache.model.object_model.config import ObjectModelConfig
from vidcache.model.weights_file import (
    FileFormat,
    find_weights,
    naming_file,
    read_settings,
    read_weights,
    write_weights,
)

__all__ = [
    "OBJECT_MODEL_NAME",
    "find_bundled_object_models",
    "find_object_model",
    "read_object_config",
    "read_object_model",
    "write_object_model",
]

OBJECT_MODEL_NAME = "object_model.safetensors"
"""What a model's file is called in the folder of its training."""

_FORMAT = FileFormat(
    name="vidcache.object_action_model",
    version="1",
    noun="object action model",
    writer="ObjectActionModel.save",
)
_SUFFIX = "_actions.safetensors"


def find_bundled_object_models() -> dict[str, Path]:
    """Lists the bundled models of objects' actions.

    Returns:
        Their files by name: ``person_actions.safetensors`` is ``"person"``.
    """
    folder = Path(str(files("vidcache"))) / "bundled"
    return {path.name.removesuffix(_SUFFIX): path for path in sorted(folder.glob(f"*{_SUFFIX}"))}


def find_object_model(name_or_path: str | os.PathLike[str]) -> Path:
    """Says which file a model's name stands for.

    Args:
        name_or_path: Name of a bundled model, such as ``"person"``, the path of a file, or a folder
            with a file ``object_model.safetensors``, as a training leaves it.

    Returns:
        The path; whether there is a file shows when it is read.

    Raises:
        ModelError: There is no bundled model of that name, and it is no path.
    """
    bundled = find_bundled_object_models()
    if os.fspath(name_or_path) not in bundled and Path(name_or_path).is_dir():
        return Path(name_or_path) / OBJECT_MODEL_NAME
    return find_weights(name_or_path, bundled, "object model")


def write_object_model(
    path: Path,
    config: ObjectModelConfig,
    tensors: Mapping[str, torch.Tensor],
    dtype: torch.dtype,
) -> None:
    """Writes a model to a file that is replaced whole or not at all.

    Args:
        path: The file.
        config: The settings.
        tensors: The weights by name.
        dtype: What floating-point weights are stored in.

    Raises:
        ModelError: The file cannot be written, or a weight is not finite in ``dtype``.
    """
    write_weights(path, _FORMAT, config.to_dict(), tensors, dtype)


def read_object_model(path: Path) -> tuple[ObjectModelConfig, dict[str, torch.Tensor]]:
    """Reads what :func:`write_object_model` wrote.

    Args:
        path: The file.

    Returns:
        The settings, and the weights by name as they are stored.

    Raises:
        ModelError: The file is missing, cut off, no such model, or of another version.
    """
    settings, tensors = read_weights(path, _FORMAT)
    return _config(path, settings), tensors


def read_object_config(path: Path) -> ObjectModelConfig:
    """Reads the settings of a model, and none of its weights.

    Args:
        path: The file.

    Raises:
        ModelError: The file is missing, cut off, no such model, or of another version.
    """
    return _config(path, read_settings(path, _FORMAT))


def _config(path: Path, settings: dict[str, Any]) -> ObjectModelConfig:
    with naming_file(path, TypeError, AttributeError):
        return ObjectModelConfig.from_dict(settings)
