"""The file of an action model: one safetensors with the settings in its metadata."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from vidcache.encoder.bundled import find_bundled_models
from vidcache.model.config import ActionModelConfig
from vidcache.model.weights_file import (
    FileFormat,
    find_weights,
    naming_file,
    read_settings,
    read_weights,
    write_weights,
)

__all__ = ["MODEL_NAME", "find_model", "read_config", "read_model", "write_model"]

MODEL_NAME = "model.safetensors"
"""What a model's file is called in the folder of its training."""

_FORMAT = FileFormat(
    name="vidcache.action_model",
    version="1",
    noun="action model",
    writer="ActionModel.save or `vidcache train`",
)


def find_model(name_or_path: str | os.PathLike[str]) -> Path:
    """Says which file a model's name stands for.

    Args:
        name_or_path: Name of a bundled model, such as ``"tiny"``, the path of a file, or a folder
            with a file ``model.safetensors``, as a training leaves it.

    Returns:
        The path; whether there is a file shows when it is read.

    Raises:
        ModelError: There is no bundled model of that name, and it is no path.
    """
    bundled = find_bundled_models()
    path = Path(name_or_path)
    if os.fspath(name_or_path) not in bundled and path.is_dir():
        return path / MODEL_NAME
    return find_weights(name_or_path, bundled, "model")


def write_model(
    path: Path,
    config: ActionModelConfig,
    tensors: Mapping[str, torch.Tensor],
    dtype: torch.dtype,
) -> None:
    """Writes an action model to a file that is replaced whole or not at all.

    Args:
        path: The file.
        config: The settings.
        tensors: The weights by name.
        dtype: What floating-point weights are stored in.

    Raises:
        ModelError: The file cannot be written, or a weight is not finite in ``dtype``.
    """
    write_weights(path, _FORMAT, config.to_dict(), tensors, dtype)


def read_model(path: Path) -> tuple[ActionModelConfig, dict[str, torch.Tensor]]:
    """Reads what :func:`write_model` wrote.

    Args:
        path: The file.

    Returns:
        The settings, and the weights by name as they are stored.

    Raises:
        ModelError: The file is missing, cut off, no model of vidcache, or of another version.
    """
    settings, tensors = read_weights(path, _FORMAT)
    return _config(path, settings), tensors


def read_config(path: Path) -> ActionModelConfig:
    """Reads the settings of a model, and none of its weights.

    Args:
        path: The file.

    Raises:
        ModelError: The file is missing, cut off, no model of vidcache, or of another version.
    """
    return _config(path, read_settings(path, _FORMAT))


def _config(path: Path, settings: dict[str, Any]) -> ActionModelConfig:
    with naming_file(path, TypeError, AttributeError):
        return ActionModelConfig.from_dict(settings)
