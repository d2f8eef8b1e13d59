# pyright: basic
"""Blocks of known prefixes on disk, within a budget."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from vidcache.cache.prefix.block import PrefixBlock
from vidcache.cache.prefix.content_hash import chain, chain_start
from vidcache.cache.prefix.use_order import UseOrder
from vidcache.cache.state import HeadState
from vidcache.errors import ConfigError, StateError

if TYPE_CHECKING:
    from vidcache.cache.owner import Head

__all__ = ["PrefixFolder"]

_FORMAT = "vidcache.prefix.1"
_BLOCK, _STATE, _PART = ".block.safetensors", ".state.safetensors", ".part"
_ABANDONED_SECONDS = 3600.0


class PrefixFolder:
    """Writes blocks to files and reads them, each whole or not at all.

    A block is one file, and its state, if it has one, another. Both carry checksums: a file that
    was cut or changed is removed when it is read. Several processes may share a folder; each
    keeps to the budget by what it knows of it.

    Args:
        folder: Where the files lie; it is made if it is missing.
        max_bytes: Budget in bytes.

    Attributes:
        order: What lies in the folder.

    Raises:
        ConfigError: The folder cannot be made or read.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self.order = UseOrder(max_bytes)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._scan()
        except OSError as error:
            raise ConfigError(
                f"cannot keep prefixes in '{folder}' ({error.strerror or error}): give a folder "
                "that can be written"
            ) from None

    def write(self, prefix: str, block: PrefixBlock) -> int:
        """Writes a block, and removes what no longer fits.

        Args:
            prefix: Hash of all frames to the block's end.
            block: The block.

        Returns:
            How many blocks were removed to make room.

        Raises:
            OSError: A file cannot be written; then nothing of the block is left.
        """
        from safetensors.torch import save

        tensors = {name: tensor.cpu().contiguous() for name, tensor in block.tensors().items()}
        metadata = {
            "format": _FORMAT,
            "previous": block.previous or "",
            "digest": _digest(tensors, block.previous),
        }
        try:
            # The block's own file comes last: with it, all of the block is there.
            if block.state is not None:
                metadata["state"] = self._write_state(prefix, block.state)
            content = save(tensors, metadata)
            self._replace(self._path(prefix, _BLOCK), content)
        except (OSError, StateError) as error:
            self._remove(prefix)
            raise error if isinstance(error, OSError) else OSError(str(error)) from None
        nbytes = sum(path.stat().st_size for path in self._paths(prefix) if path.exists())
        self._mark(prefix, self.order.add(prefix, nbytes, block.previous))
        leaving = self.order.surplus()
        for name in leaving:
            self._remove(name)
        return len(leaving)

    def read(self, prefix: str, head: Head) -> PrefixBlock | None:
        """Reads a block.

        Args:
            prefix: Hash of all frames to the block's end.
            head: The head that its state belongs to.

        Returns:
            The block, or None where it is damaged; then it has been removed.
        """
        from safetensors import SafetensorError, safe_open

        path = self._path(prefix, _BLOCK)
        try:
            with safe_open(path, framework="pt") as file:
                metadata: dict[str, str] = file.metadata() or {}
                tensors: dict[str, Tensor] = {n: file.get_tensor(n) for n in file.keys()}  # noqa: SIM118
            previous = metadata["previous"] or None
            if metadata["format"] != _FORMAT or metadata["digest"] != _digest(tensors, previous):
                raise StateError("its content is not what was written")
            state = (
                self._read_state(prefix, metadata["state"], head) if "state" in metadata else None
            )
            block = PrefixBlock(previous, tensors["predictions"], tensors.get("features"), state)
        except (OSError, SafetensorError, StateError, KeyError):
            self._remove(prefix)
            return None
        return block

    def touch(self, prefix: str, previous: str | None) -> None:
        """Counts a block as used, if it is there; see :meth:`UseOrder.touch`."""
        if prefix in self.order:
            self._mark(prefix, self.order.touch(prefix, previous))

    def _write_state(self, prefix: str, state: HeadState) -> str:
        unfinished = self._unfinished(prefix)
        try:
            state.save(unfinished)
            digest = _file_digest(unfinished)
            unfinished.replace(self._path(prefix, _STATE))
        finally:
            unfinished.unlink(missing_ok=True)
        return digest

    def _read_state(self, prefix: str, digest: str, head: Head) -> HeadState:
        path = self._path(prefix, _STATE)
        if _file_digest(path) != digest:
            raise StateError("its state is not what was written")
        return HeadState.load(path, head)

    def _replace(self, path: Path, content: bytes) -> None:
        unfinished = self._unfinished(path.name)
        try:
            unfinished.write_bytes(content)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    def _mark(self, prefix: str, used: int) -> None:
        """Keeps the last use where the next process finds it."""
        try:
            os.utime(self._path(prefix, _BLOCK), ns=(used, used))
        except OSError:
            # Another process has removed it since.
            self.order.remove(prefix)

    def _remove(self, prefix: str) -> None:
        self.order.remove(prefix)
        for path in self._paths(prefix):
            path.unlink(missing_ok=True)

    def _scan(self) -> None:
        for path in self._folder.iterdir():
            name = path.name
            if name.endswith(_BLOCK):
                prefix = name.removesuffix(_BLOCK)
                status, state = path.stat(), self._path(prefix, _STATE)
                nbytes = status.st_size + (state.stat().st_size if state.exists() else 0)
                self.order.restore(prefix, nbytes, status.st_mtime_ns)
            elif self._is_left_behind(path):
                path.unlink(missing_ok=True)

    def _is_left_behind(self, path: Path) -> bool:
        """Whether a killed process left a file; a young one may still be at work on it."""
        if not path.name.endswith((_STATE, _PART)):
            return False
        has_block = self._path(path.name.removesuffix(_STATE), _BLOCK).exists()
        return not has_block and path.stat().st_mtime < time.time() - _ABANDONED_SECONDS

    def _unfinished(self, name: str) -> Path:
        return self._folder / f"{name}.{os.getpid()}{_PART}"

    def _paths(self, prefix: str) -> tuple[Path, Path]:
        return self._path(prefix, _BLOCK), self._path(prefix, _STATE)

    def _path(self, prefix: str, suffix: str) -> Path:
        return self._folder / (prefix + suffix)


def _digest(tensors: dict[str, Tensor], previous: str | None) -> str:
    digest = chain_start(previous or "")
    for name in sorted(tensors):
        digest = chain(digest, tensors[name], name)
    return digest


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
