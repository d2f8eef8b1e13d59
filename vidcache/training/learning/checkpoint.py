# pyright: basic
"""Checkpoints of a training: written whole or not at all, read with an error that says why not."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from vidcache.errors import ModelError

__all__ = ["read_checkpoint", "write_checkpoint"]


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint; a kill leaves the one before, or this one.

    Raises:
        ModelError: The file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise ModelError(
            f"cannot write the checkpoint {path}: {error.strerror or error}; is the disk full?"
        ) from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `write_checkpoint` wrote.

    Raises:
        ModelError: The file cannot be read.
    """
    try:
        content = torch.load(path, weights_only=True)
    except (RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise ModelError(
            f"{path} is no checkpoint of a training, or is damaged: remove it to begin anew"
        ) from error
    except OSError as error:
        raise ModelError(
            f"{path} is no checkpoint of a training: {error.strerror or error}"
        ) from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is no checkpoint of a training: it holds no settings")
    return content
