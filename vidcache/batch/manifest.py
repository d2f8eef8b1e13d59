"""What a batch has finished, one line a file, safe against being killed at any moment."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vidcache.batch.durable import sync_folder
from vidcache.batch.inputs import Shard
from vidcache.batch.jobs import Identity
from vidcache.video.closing import Closing

__all__ = ["AppendOnlyFile", "Entry", "batch_file", "read_manifests"]


@dataclass(frozen=True)
class Entry:
    """One finished file.

    Attributes:
        name: Name of its outputs, without their endings.
        path: Where the file was.
        content: Hash of its content.
        settings: Fingerprint of the models and settings.
        precision: Arithmetic of the models, as it was decided.
        outputs: Sizes of the outputs in bytes, by kind.
        identity: Size, time of change and inode of the file when it was read.
        frames: Frames with a result.
        tainted: Damaged frames among them.
        truncated: Whether the file ended before its end.
        seconds: How long it took; 0 for a file that was found unchanged.
        time: When it was done, in seconds since the epoch.
    """

    name: str
    path: str
    content: str
    settings: str
    precision: str
    outputs: Mapping[str, int]
    identity: Identity
    frames: int
    tainted: int
    truncated: bool
    seconds: float
    time: float

    def to_record(self) -> dict[str, Any]:
        """The entry as plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Entry":
        """Reads an entry back.

        Raises:
            TypeError: If a field is missing or unknown.
            ValueError: If a field has another form.
        """
        size, changed, inode = record["identity"]
        values: dict[str, Any] = {**record, "identity": (size, changed, inode)}
        return cls(**values)


class AppendOnlyFile(Closing):
    """A file of JSON lines, each of which has reached the disk when `append` returns.

    What a killed program left of a last line is cut away. It is for one writer at a time.

    Args:
        path: The file, made if it is not there.

    Raises:
        OSError: If it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        is_new = not path.exists()
        self._file = path.open("ab+", buffering=0)
        if is_new:
            sync_folder(path.parent)
        self._file.truncate(_whole_lines_end(path))

    def append(self, record: Mapping[str, Any]) -> None:
        """Writes one line.

        Raises:
            OSError: If it cannot be written.
        """
        self._file.write(json.dumps(record).encode("ascii") + b"\n")
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the file; a second call does nothing."""
        self._file.close()


def batch_file(folder: Path, stem: str, shard: Shard) -> Path:
    """The file of a shard in the batch's folder, such as ``manifest.2of8.jsonl``."""
    return folder / (f"{stem}.jsonl" if shard.count == 1 else f"{stem}.{shard.tag}.jsonl")


def read_manifests(folder: Path) -> dict[str, Entry]:
    """The newest entry of every name, from the manifests of all shards.

    A line that is no entry is passed over: its file is simply done again.
    """
    entries: dict[str, Entry] = {}
    for path in sorted([*folder.glob("manifest.jsonl"), *folder.glob("manifest.*of*.jsonl")]):
        with path.open("rb") as file:
            for line in file:
                entry = _read_entry(line)
                if entry is None:
                    continue
                known = entries.get(entry.name)
                if known is None or known.time <= entry.time:
                    entries[entry.name] = entry
    return entries


def _read_entry(line: bytes) -> Entry | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return Entry.from_record(json.loads(line))
    except (ValueError, TypeError, KeyError):
        return None


def _whole_lines_end(path: Path) -> int:
    """Where the last whole line ends."""
    size = path.stat().st_size
    with path.open("rb") as file:
        end = size
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0
