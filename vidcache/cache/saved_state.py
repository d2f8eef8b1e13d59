# pyright: basic
"""The file of a saved state: one safetensors file that is the same for every storage."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vidcache.cache.archive import Archive, ArchiveConfig
from vidcache.cache.formats import EncodedFrames, KeyValueFormats
from vidcache.cache.frame_times import EMPTY
from vidcache.cache.layout import CacheLayout
from vidcache.cache.storage import StoredRows
from vidcache.errors import ConfigError, FingerprintError, StateError

if TYPE_CHECKING:
    from vidcache.cache.owner import Head
    from vidcache.cache.paged.pool import BlockPool
    from vidcache.cache.state import HeadState

__all__ = ["differences", "load_state", "save_state", "sealed"]

_FORMAT = "vidcache.state"
_VERSION = "2"


def save_state(path: Path, state: HeadState) -> None:
    """Writes a state to a file that is replaced whole or not at all.

    Args:
        path: The file.
        state: The state.

    Raises:
        StateError: The file cannot be written, or the state lost its blocks.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    formats = state.storage.formats
    metadata = {
        "format": _FORMAT,
        "version": _VERSION,
        "fingerprint": state.fingerprint,
        "settings": json.dumps(state.settings.to_dict()),
        "first_frame": str(state.first_frame),
        "dtype": str(formats.dtype).removeprefix("torch."),
        "key_format": formats.key.name,
        "value_format": formats.value.name,
    }
    tensors = {f"slots.{name}": tensor for name, tensor in state.slots.tensors().items()}
    stored = state.storage.read_rows(torch.arange(state.batch_size))
    tensors |= _named(stored, state.slots.held.index != EMPTY)
    if state.archive is not None:
        metadata["archive"] = json.dumps(state.archive.config.to_dict())
        tensors |= {f"archive.{name}": part for name, part in state.archive.tensors().items()}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    unfinished = path.with_name(path.name + ".part")
    try:
        save_file(tensors, unfinished, sealed(metadata, tensors))
        unfinished.replace(path)
    except (OSError, SafetensorError) as error:
        unfinished.unlink(missing_ok=True)
        raise StateError(f"cannot write the state to {path}: {_one_line(error)}") from None


def load_state(
    path: Path, head: Head, pool: BlockPool | None, folder: str | Path | None
) -> HeadState:
    """Reads a state that :func:`save_state` wrote.

    Args:
        path: The file.
        head: The head that the state belongs to.
        pool: Where to put keys and values; None makes a dense state.
        folder: Where the archive makes its file; None is where it was.

    Returns:
        The state.

    Raises:
        ConfigError: The archive cannot make its file.
        StateError: The file is missing, damaged, not a state, or of another version; or the pool
            is full or stores in other formats.
        FingerprintError: The state belongs to a head with other weights or settings.
    """
    metadata, tensors = _read(path)
    try:
        if metadata["fingerprint"] != head.fingerprint():
            theirs = json.loads(metadata["settings"])
            raise FingerprintError(
                f"{path} belongs to another head ({differences(theirs, head.config.to_dict())}): "
                "load it with the head that saved it"
            )
        formats, first_frame, stored = _parse(metadata, tensors, head.config.cache_layout)
        archive = json.loads(metadata.get("archive", "null"))
        if archive is not None:
            archive = ArchiveConfig(**archive | ({"folder": folder} if folder else {}))
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, error) from None
    batch_size = stored.keys.data.shape[1]
    if pool is not None and str(pool.formats) != str(formats):
        raise StateError(
            f"{path} holds {formats}, the pool {pool.formats}: load it without a pool, or make "
            "the pool with the same formats"
        )
    state = head.init_state(
        batch_size,
        dtype=None if pool is not None else formats.dtype,
        key_format=None if pool is not None else formats.key.name,
        value_format=None if pool is not None else formats.value.name,
        pool=pool,
        archive=archive,
        first_frame=first_frame,
    )
    slots: dict[str, Tensor] = {}
    for name, blank in state.slots.tensors().items():
        saved = tensors.get(f"slots.{name}", blank[:0])
        if saved.shape != blank.shape or saved.dtype != blank.dtype:
            raise _damaged(path, ValueError(f"slots.{name} is not as this head needs it"))
        slots[name] = saved.clone()
    state.slots.load_tensors(slots)
    state.storage.write_rows(torch.arange(batch_size), stored, state.slots.held.index != EMPTY)
    if state.archive is not None:
        _load_archive(path, state.archive, tensors)
    return state


def _load_archive(path: Path, archive: Archive, tensors: dict[str, Tensor]) -> None:
    parts = {
        name.removeprefix("archive."): tensor
        for name, tensor in tensors.items()
        if name.startswith("archive.")
    }
    try:
        archive.load_tensors(parts)
    except StateError as error:
        raise _damaged(path, error) from None


def sealed(metadata: dict[str, str], tensors: dict[str, Tensor]) -> dict[str, str]:
    """Adds a checksum of everything in a file to its metadata, by which damage is found.

    Args:
        metadata: The metadata; a checksum in it is replaced.
        tensors: The tensors, on the CPU.

    Returns:
        The metadata with the checksum.
    """
    unsealed = {name: value for name, value in metadata.items() if name != "checksum"}
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps(unsealed, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        # A single element may have any stride, which its bytes must not have.
        flat = tensor.contiguous().as_strided((tensor.numel(),), (1,))
        digest.update(flat.view(torch.uint8).numpy().data)
    return unsealed | {"checksum": digest.hexdigest()}


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


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Returns the metadata and the tensors of a whole file of this version."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise StateError(f"there is no state at {path}: check the path") from None
    except (OSError, SafetensorError, UnicodeError, ValueError) as error:
        raise _damaged(path, error) from None
    if metadata.get("format") != _FORMAT:
        raise StateError(f"{path} is no vidcache state: expected a file that state.save wrote")
    if metadata.get("version") != _VERSION:
        raise StateError(
            f"{path} is a state of version {metadata.get('version')}, this vidcache reads "
            f"{_VERSION}: use the vidcache that wrote it"
        )
    if metadata != sealed(metadata, tensors):
        raise _damaged(path, ValueError("its checksum does not fit its content"))
    return metadata, tensors


def _parse(
    metadata: dict[str, str], tensors: dict[str, Tensor], layout: CacheLayout
) -> tuple[KeyValueFormats, int, StoredRows]:
    """Returns formats, first frame, and keys and values, whose shapes fit the layout."""
    dtype = getattr(torch, metadata["dtype"], None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"it is attended in {metadata['dtype']!r}")
    formats = KeyValueFormats.choose(dtype, metadata["key_format"], metadata["value_format"])
    first_frame, batch_size = int(metadata["first_frame"]), len(tensors["slots.num_seen"])
    if first_frame < 0 or batch_size < 1:
        raise ValueError(f"it has {batch_size} rows that begin at frame {first_frame}")
    lanes, heads, *frame = layout.frame_shape
    shape = (lanes, batch_size, heads, layout.num_slots, *frame)
    sides: list[EncodedFrames] = []
    for name, side in (("keys", formats.key), ("values", formats.value)):
        scales = tensors[f"{name}.scales"] if side.scaled else None
        stored = EncodedFrames(tensors[name], scales)
        expected = [(shape, side.dtype), (shape[:-2], torch.float32)]
        for part, (part_shape, part_dtype) in zip(stored.parts(), expected, strict=False):
            if part.shape != part_shape or part.dtype != part_dtype:
                raise ValueError(f"its {name} are not of the shape and type that they must have")
        sides.append(stored)
    return formats, first_frame, StoredRows(*sides)


def _named(stored: StoredRows, held: Tensor) -> dict[str, Tensor]:
    """Names the parts of keys and values; slots that hold no frame are zeros."""
    named: dict[str, Tensor] = {}
    for name, side in (("keys", stored.keys), ("values", stored.values)):
        for suffix, part in zip(("", ".scales"), side.parts(), strict=False):
            # What a reset stream left behind is nobody's business.
            mask = held.to(part.device).view(1, len(held), 1, -1, *[1] * (part.ndim - 4))
            named[name + suffix] = part.masked_fill_(~mask, 0)
    return named


def _damaged(path: Path, error: Exception) -> StateError:
    return StateError(f"{path} is no whole vidcache state: {_one_line(error)}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
