"""Outputs that appear under their names whole and on the disk, or not at all."""

import contextlib
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from vidcache.batch.inputs import Shard
from vidcache.video.closing import Closing

__all__ = ["PartFiles", "remove_stale_parts", "sync_folder"]

_PART = re.compile(r".+\.(\d+of\d+)-[0-9a-f]{8}\.part")


class PartFiles(Closing):
    """The unfinished outputs of one file, beside their final names; removed unless committed.

    Args:
        outputs: Final paths by kind; their folders are made.
        tag: What the names of the parts carry, so that a later run knows whose they were.

    Attributes:
        paths: Where to write, by kind.

    Raises:
        OSError: If a folder cannot be made.

    Example:
        >>> import tempfile
        >>> final = Path(tempfile.mkdtemp()) / "street.jsonl"
        >>> with PartFiles({"jsonl": str(final)}, "1of1") as parts:
        ...     _ = Path(parts.paths["jsonl"]).write_text("{}")
        ...     assert not final.exists()
        ...     sizes = parts.commit()
        >>> final.read_text(), sizes
        ('{}', {'jsonl': 2})
    """

    def __init__(self, outputs: Mapping[str, str], tag: str) -> None:
        # Two attempts at one file, if ever they run at once, do not write into one part.
        token = f"{tag}-{secrets.token_hex(4)}"
        self.paths = {kind: f"{path}.{token}.part" for kind, path in outputs.items()}
        self._finals = {kind: Path(path) for kind, path in outputs.items()}
        for path in self._finals.values():
            path.parent.mkdir(parents=True, exist_ok=True)

    def commit(self) -> dict[str, int]:
        """Brings every part to the disk, then to its final name.

        Returns:
            Sizes in bytes by kind. A sink that had nothing to write may have left no file.

        Raises:
            OSError: If that fails; parts that have their names already keep them.
        """
        sizes: dict[str, int] = {}
        for kind, part in self.paths.items():
            if Path(part).exists():
                sizes[kind] = _sync_file(Path(part))
        for kind in sizes:
            Path(self.paths[kind]).replace(self._finals[kind])
        for folder in {self._finals[kind].parent for kind in sizes}:
            sync_folder(folder)
        return sizes

    def close(self) -> None:
        """Removes what has not been committed."""
        for path in self.paths.values():
            # One that cannot be removed now is removed by the next run; the cause comes first.
            with contextlib.suppress(OSError):
                Path(path).unlink(missing_ok=True)


def remove_stale_parts(folder: Path, shard: Shard) -> int:
    """Removes what runs that were killed left unfinished, and returns how many files that were.

    Args:
        folder: The batch's folder, which this run has for itself.
        shard: The part of the batch that this run has for itself; others are left alone.
    """
    num_removed = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            match = _PART.fullmatch(name)
            if match and (shard.count == 1 or match[1] == shard.tag):
                (Path(parent) / name).unlink(missing_ok=True)
                num_removed += 1
    return num_removed


def sync_folder(folder: Path) -> None:
    """Brings the names in a folder to the disk, where the system has a way to."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file(path: Path) -> int:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size
