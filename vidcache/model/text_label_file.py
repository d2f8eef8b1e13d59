# pyright: basic
"""The file of text labels: an ``.npz`` that needs no more than names and embeddings."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import ConfigError, ModelError

__all__ = ["parse_text_labels", "read_arrays", "write_text_labels"]

_Arrays = Mapping[str, NDArray[Any]]


def read_arrays(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Reads all arrays of an ``.npz``.

    Args:
        path: The file.

    Raises:
        ModelError: There is no such file, or it is none of this kind.
    """
    try:
        loaded: Any = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise ValueError("it holds one array, and no archive of named ones")
        with loaded as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(
            f"the text labels {os.fspath(path)!r} cannot be read ({reason}): give an .npz with "
            "names and embeddings, such as scripts/make_text_labels.py makes"
        ) from error


def parse_text_labels(arrays: _Arrays) -> dict[str, Any]:
    """Turns the arrays of a file into the arguments of ``TextLabels.from_prompts``.

    Args:
        arrays: The arrays by name.

    Raises:
        ConfigError: One is missing, or of the wrong kind.
    """
    for needed in ("names", "embeddings"):
        if needed not in arrays:
            raise ConfigError(
                f"it has no {needed!r} (it holds {', '.join(arrays) or 'nothing'}): expected "
                "'names' and 'embeddings'"
            )
    names, embeddings = arrays["names"], arrays["embeddings"]
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise ConfigError(f"'names' are {_kind(names)}: expected a list of texts")
    if embeddings.ndim != 2 or embeddings.dtype.kind != "f":
        raise ConfigError(
            f"'embeddings' are {_kind(embeddings)}: expected numbers of shape (labels, width)"
        )
    found: dict[str, Any] = {
        "names": [str(name) for name in names.astype(str)],
        "activation": "sigmoid" if "bias" in arrays else "softmax",
    }
    for name in ("scale", "bias"):
        if name in arrays:
            found[name] = _number(name, arrays[name])
    for name in ("activation", "tower"):
        if name in arrays:
            found[name] = str(arrays[name])
    if "about" in arrays:
        found["about"] = _about(str(arrays["about"]))
    label_of = arrays.get("label_of", np.arange(len(embeddings)))
    return found | {"prompts": _prompts(found["names"], embeddings, label_of)}


def write_text_labels(path: str | os.PathLike[str], values: Mapping[str, Any]) -> None:
    """Writes what :func:`parse_text_labels` reads; the file is replaced whole or not at all.

    Args:
        path: The file.
        values: Names, embeddings and settings.

    Raises:
        ModelError: The file cannot be written.
    """
    final = Path(path)
    unfinished = final.with_name(f"{final.name}.{os.getpid()}.part")
    try:
        arrays: dict[str, Any] = {name: np.asarray(value) for name, value in values.items()}
        arrays["about"] = np.asarray(json.dumps(dict(values["about"]), sort_keys=True))
        with unfinished.open("wb") as file:
            np.savez(file, **arrays)
        unfinished.replace(final)
    except (OSError, TypeError) as error:
        unfinished.unlink(missing_ok=True)
        raise ModelError(f"cannot write the text labels to {str(final)!r}: {error}") from error


def _prompts(
    names: list[str], embeddings: NDArray[Any], label_of: NDArray[Any]
) -> list[NDArray[Any]]:
    """The rows of each label."""
    if label_of.shape != (len(embeddings),) or label_of.dtype.kind not in "iu":
        raise ConfigError(
            f"'label_of' is {_kind(label_of)}: expected the number of a label for each of the "
            f"{len(embeddings)} embeddings"
        )
    numbers = set(label_of.tolist())
    strange = sorted(numbers - set(range(len(names))))
    if strange:
        raise ConfigError(
            f"there is an embedding of label {strange[0]}, but the {len(names)} names count from "
            f"0 to {len(names) - 1}: give as many names as labels, or 'label_of'"
        )
    missing = [name for number, name in enumerate(names) if number not in numbers]
    if missing:
        raise ConfigError(f"the label {missing[0]!r} has no embedding: give it one at least")
    return [embeddings[label_of == number] for number in range(len(names))]


def _number(name: str, array: NDArray[Any]) -> float:
    if array.size != 1 or array.dtype.kind not in "fiu":
        raise ConfigError(f"{name!r} is {_kind(array)}: expected one number")
    return float(array.item())


def _about(text: str) -> dict[str, Any]:
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"'about' is no JSON object ({error}): leave it out") from error


def _kind(array: NDArray[Any]) -> str:
    return f"an array of {array.dtype} of shape {array.shape}"
