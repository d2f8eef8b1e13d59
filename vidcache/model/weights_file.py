# pyright: basic
"""A safetensors file with a model's weights, and its settings in the metadata."""

import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from vidcache.errors import ConfigError, ModelError

__all__ = [
    "FileFormat",
    "find_weights",
    "naming_file",
    "read_settings",
    "read_weights",
    "write_weights",
]


@dataclass(frozen=True)
class FileFormat:
    """What a file says of itself, so that it is not taken for another kind of model.

    Attributes:
        name: Name of the format in the file's metadata.
        version: Version of the format.
        noun: What such a model is called in messages, such as ``action model``.
        writer: What writes such files, for messages.
    """

    name: str
    version: str
    noun: str
    writer: str


def find_weights(
    name_or_path: str | os.PathLike[str], bundled: Mapping[str, Path], noun: str
) -> Path:
    """Says which file a model's name stands for.

    Args:
        name_or_path: Name of a bundled model, or the path of a file.
        bundled: The bundled models by name.
        noun: What such a model is called in messages.

    Returns:
        The path; whether there is a file shows when it is read.

    Raises:
        ModelError: There is no bundled model of that name, and it is no path.
    """
    path, name = Path(name_or_path), os.fspath(name_or_path)
    if name in bundled:
        return bundled[name]
    if path.exists() or path.suffix or len(path.parts) > 1:
        return path
    near = get_close_matches(name, bundled, n=1)
    raise ModelError(
        f"there is no {noun} {name!r}: the bundled ones are {', '.join(bundled) or '(none)'}"
        + (f" (did you mean {near[0]!r}?)" if near else "")
        + "; or give the path of a .safetensors file"
    )


def write_weights(
    path: Path,
    file_format: FileFormat,
    settings: Mapping[str, Any],
    tensors: Mapping[str, torch.Tensor],
    dtype: torch.dtype,
) -> None:
    """Writes weights and settings to a file that is replaced whole or not at all.

    Args:
        path: The file.
        file_format: What the file says of itself.
        settings: The settings as plain values.
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
        text = json.dumps(settings, sort_keys=True)
    except TypeError as error:
        raise ModelError(
            f"the model's settings cannot be written as JSON ({error}): keep to numbers, strings, "
            "lists and dicts in about and model_args"
        ) from error
    metadata = {"format": file_format.name, "version": file_format.version, "config": text}
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        save_file(stored, unfinished, metadata)
        unfinished.replace(path)
    except (OSError, SafetensorError) as error:
        unfinished.unlink(missing_ok=True)
        raise ModelError(f"cannot write the model to {path}: {error}") from error


def read_weights(
    path: Path, file_format: FileFormat
) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Reads what :func:`write_weights` wrote.

    Args:
        path: The file.
        file_format: What the file must say of itself.

    Returns:
        The settings as plain values, and the weights by name as they are stored.

    Raises:
        ModelError: The file is missing, cut off, or of another format or version.
    """
    with _open(path) as file:
        settings = _settings(path, file_format, file.metadata() or {})
        tensors: dict[str, torch.Tensor] = {
            name: file.get_tensor(name)
            for name in file.keys()  # noqa: SIM118  # safe_open is no mapping
        }
    return settings, tensors


def read_settings(path: Path, file_format: FileFormat) -> dict[str, Any]:
    """Reads the settings of a file, and none of its weights.

    Args:
        path: The file.
        file_format: What the file must say of itself.

    Raises:
        ModelError: The file is missing, cut off, or of another format or version.
    """
    with _open(path) as file:
        return _settings(path, file_format, file.metadata() or {})


@contextmanager
def naming_file(path: Path, *kinds: type[Exception]) -> Generator[None]:
    """Makes of what is wrong with the contents of a file an error that names the file.

    Args:
        path: The file whose settings or weights are used while the block runs.
        kinds: What the block raises then, besides `ConfigError`.

    Raises:
        ModelError: They cannot be used.
    """
    try:
        yield
    except (ConfigError, *kinds) as error:
        detail = " ".join(str(error).split())[:240]
        raise ModelError(f"the model file {path} cannot be used: {detail}") from error


@contextmanager
def _open(path: Path) -> Generator[Any]:
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


def _settings(path: Path, expected: FileFormat, metadata: Mapping[str, str]) -> dict[str, Any]:
    if metadata.get("format") != expected.name:
        raise ModelError(
            f"{path} is a safetensors file, but no {expected.noun} of vidcache: give a file that "
            f"{expected.writer} wrote"
        )
    if metadata.get("version") != expected.version:
        raise ModelError(
            f"{path} is an {expected.noun} of format {metadata.get('version')}, but this vidcache "
            f"reads format {expected.version}: use the vidcache that wrote it, or a newer one"
        )
    try:
        settings: Any = json.loads(metadata["config"])
    except (KeyError, ValueError) as error:
        raise ModelError(
            f"the settings in the model file {path} cannot be used: {error}"
        ) from error
    if not isinstance(settings, dict):
        raise ModelError(f"the settings in the model file {path} are no mapping: save it again")
    return settings
