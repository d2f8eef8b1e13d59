# pyright: basic
"""The file of an action model: one safetensors with the settings in its metadata."""

import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from vidcache.encoder.bundled import find_bundled_models
from vidcache.errors import ConfigError, ModelError
from vidcache.model.config import ActionModelConfig

__all__ = ["MODEL_NAME", "find_model", "read_config", "read_model", "write_model"]

MODEL_NAME = "model.safetensors"
"""What a model's file is called in the folder of its training."""

_FORMAT = "vidcache.action_model"
_VERSION = "1"


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
    path, name = Path(name_or_path), os.fspath(name_or_path)
    if name in bundled:
        return bundled[name]
    if path.is_dir():
        return path / MODEL_NAME
    if path.exists() or path.suffix or len(path.parts) > 1:
        return path
    near = get_close_matches(name, bundled, n=1)
    raise ModelError(
        f"there is no model {name!r}: the bundled ones are {', '.join(bundled) or '(none)'}"
        + (f" (did you mean {near[0]!r}?)" if near else "")
        + "; or give the path of a .safetensors file"
    )


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
    stored: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        is_float = tensor.is_floating_point()
        stored[name] = tensor.detach().cpu().to(dtype if is_float else tensor.dtype).contiguous()
        if is_float and not bool(torch.isfinite(stored[name]).all()):
            raise ModelError(
                f"the weight {name} is not finite in {dtype}: save with dtype=torch.float32, or "
                "look for NaN in the training"
            )
    try:
        settings = json.dumps(config.to_dict(), sort_keys=True)
    except TypeError as error:
        raise ModelError(
            f"the model's settings cannot be written as JSON ({error}): keep to numbers, strings, "
            "lists and dicts in about and model_args"
        ) from error
    metadata = {"format": _FORMAT, "version": _VERSION, "config": settings}
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        save_file(stored, unfinished, metadata)
        unfinished.replace(path)
    except (OSError, SafetensorError) as error:
        unfinished.unlink(missing_ok=True)
        raise ModelError(f"cannot write the model to {path}: {error}") from error


def read_model(path: Path) -> tuple[ActionModelConfig, dict[str, torch.Tensor]]:
    """Reads what :func:`write_model` wrote.

    Args:
        path: The file.

    Returns:
        The settings, and the weights by name as they are stored.

    Raises:
        ModelError: The file is missing, cut off, no model of vidcache, or of another version.
    """
    with _open_model(path) as file:
        config = _config(path, file.metadata() or {})
        tensors: dict[str, torch.Tensor] = {
            name: file.get_tensor(name)
            for name in file.keys()  # noqa: SIM118  # safe_open is no mapping
        }
    return config, tensors


def read_config(path: Path) -> ActionModelConfig:
    """Reads the settings of a model, and none of its weights.

    Args:
        path: The file.

    Raises:
        ModelError: The file is missing, cut off, no model of vidcache, or of another version.
    """
    with _open_model(path) as file:
        return _config(path, file.metadata() or {})


@contextmanager
def _open_model(path: Path) -> Generator[Any]:
    if not path.is_file():
        raise ModelError(f"there is no model file {path}: check the path")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"the model file {path} cannot be read ({error}): it is damaged or cut off; fetch or "
            "save it again"
        ) from error


def _config(path: Path, metadata: Mapping[str, str]) -> ActionModelConfig:
    _check_format(path, metadata)
    try:
        settings: Any = json.loads(metadata["config"])
        return ActionModelConfig.from_dict(settings)
    except (ConfigError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(
            f"the settings in the model file {path} cannot be used: {error}"
        ) from error


def _check_format(path: Path, metadata: Mapping[str, str]) -> None:
    if metadata.get("format") != _FORMAT:
        raise ModelError(
            f"{path} is a safetensors file, but no action model of vidcache: give a file that "
            "ActionModel.save or `vidcache train` wrote"
        )
    if metadata.get("version") != _VERSION:
        raise ModelError(
            f"{path} is an action model of format {metadata.get('version')}, but this vidcache "
            f"reads format {_VERSION}: use the vidcache that wrote it, or a newer one"
        )
