# pyright: basic
"""The file of a saved state: one safetensors file with what it belongs to in its metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from vidcache.errors import StateError

__all__ = ["differences", "read_state", "write_state"]

_FORMAT = "vidcache.state"
_VERSION = "1"


def write_state(path: Path, metadata: dict[str, str], tensors: dict[str, Tensor]) -> None:
    """Writes tensors and metadata to a file that is replaced whole or not at all.

    Args:
        path: The file.
        metadata: What the state belongs to.
        tensors: The tensors by name.

    Raises:
        StateError: The file cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    unfinished = path.with_name(path.name + ".part")
    metadata = {"format": _FORMAT, "version": _VERSION, **metadata}
    try:
        save_file({name: t.contiguous() for name, t in tensors.items()}, unfinished, metadata)
        unfinished.replace(path)
    except (OSError, SafetensorError) as error:
        unfinished.unlink(missing_ok=True)
        raise StateError(f"cannot write the state to {path}: {error}") from None


def read_state(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Reads what :func:`write_state` wrote.

    Args:
        path: The file.

    Returns:
        Metadata and tensors.

    Raises:
        StateError: The file is missing, cut off, not a state, or of another version.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise StateError(f"there is no state at {path}: check the path") from None
    except (OSError, SafetensorError) as error:
        raise StateError(f"{path} is no whole vidcache state: {error}") from None
    if metadata.get("format") != _FORMAT:
        raise StateError(f"{path} is no vidcache state: expected a file that state.save wrote")
    if metadata.get("version") != _VERSION:
        raise StateError(
            f"{path} is a state of version {metadata.get('version')}, this vidcache reads "
            f"{_VERSION}: use the vidcache that wrote it"
        )
    return metadata, tensors


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """Names the settings that differ, for error messages.

    Args:
        theirs: Settings of a state.
        ours: Settings of the head.

    Returns:
        For example ``num_iterations 4 → 2``, or "same settings, other weights".
    """
    changed = [
        f"{name} {theirs.get(name)!r} → {ours.get(name)!r}"
        for name in sorted({*theirs, *ours})
        if theirs.get(name) != ours.get(name)
    ]
    return ", ".join(changed) or "same settings, other weights"
