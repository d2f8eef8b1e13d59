"""Settings of an archive."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidcache.cache.eviction.checks import require_count
from vidcache.errors import ConfigError

__all__ = ["ArchiveConfig"]


@dataclass(frozen=True)
class ArchiveConfig:
    """What an archive may take, and how much of it a frame sees.

    With an archive a frame sees, in each lane, all frames that are still in their slots (those held
    for a rollback too), those that left and do not fill a block yet, and the blocks that match its
    queries best. So no frame is out of sight before its block is full, and with few blocks, all of
    which are retrieved, nothing is ever forgotten.

    Every stream has an archive of its own within these budgets, so streams do not disturb each
    other, and rows can be split off and merged without losing a frame.

    Args:
        block_size: Frames a block. A block is found, and moved between tiers, as a whole.
        retrieve_blocks: How many blocks are attended at most, in each lane, beside the frames that
            the policy shows.
        host_bytes: Bytes of host memory a stream: blocks, their summaries, and what is read ahead.
        disk_bytes: Bytes on disk a stream; 0 keeps the archive in host memory.
        folder: Where the file is made; needed with ``disk_bytes``. It should be a real disk, since
            a folder for temporary files often is memory.

    Raises:
        ConfigError: A value is out of range, or there are bytes on disk without a folder.

    Example:
        >>> import torch
        >>> from vidcache import ArchiveConfig, CameraHead, HeadConfig, SlidingWindow
        >>> head = CameraHead(HeadConfig(in_features=8, width=16, depth=1, num_heads=2,
        ...     num_iterations=2, num_outputs=3, eviction=SlidingWindow(8)))
        >>> state = head.init_state(archive=ArchiveConfig(block_size=4, host_bytes=1 << 20))
        >>> out = head.step(torch.randn(1, 60, 8), state)
        >>> stats = state.stats()
        >>> stats.archive.appended, stats.archive.host_blocks, stats.exact
        (44, 11, False)
    """

    block_size: int = 8
    retrieve_blocks: int = 4
    host_bytes: int = 64 << 20
    disk_bytes: int = 0
    folder: str | Path | None = None

    def __post_init__(self) -> None:
        for name in ("block_size", "retrieve_blocks", "host_bytes"):
            require_count(name, getattr(self, name), at_least=1)
        require_count("disk_bytes", self.disk_bytes, at_least=0)
        if self.disk_bytes and self.folder is None:
            raise ConfigError(
                f"disk_bytes={self.disk_bytes} without a folder: say where the file may be made"
            )

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as plain values, for files."""
        folder = None if self.folder is None else str(self.folder)
        return {
            "block_size": self.block_size,
            "retrieve_blocks": self.retrieve_blocks,
            "host_bytes": self.host_bytes,
            "disk_bytes": self.disk_bytes,
            "folder": folder,
        }
