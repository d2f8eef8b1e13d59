"""How many blocks the budgets of an archive hold, known before anything is allocated."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from vidcache.cache.archive.block import BlockLayout
from vidcache.cache.archive.config import ArchiveConfig
from vidcache.errors import ConfigError

__all__ = ["ArchiveSizes"]

# What a lane found in one step, and the blocks in front of and behind it.
_READ_AHEAD_PER_FOUND = 3


@dataclass(frozen=True)
class ArchiveSizes:
    """How many blocks a stream may have in each tier.

    Attributes:
        host_blocks: In host memory.
        disk_blocks: On disk.
        read_ahead_lanes: How many lanes of blocks on disk are held in memory beside them.
    """

    host_blocks: int
    disk_blocks: int
    read_ahead_lanes: int

    @property
    def num_places(self) -> int:
        """Blocks of a stream in all tiers."""
        return self.host_blocks + self.disk_blocks

    @classmethod
    def within(cls, config: ArchiveConfig, layout: BlockLayout) -> ArchiveSizes:
        """Divides the budgets: what is left of host memory beside the rest holds blocks.

        Args:
            config: Settings of the archive.
            layout: The shape of its blocks.

        Raises:
            ConfigError: Host memory or disk has no room for a single block.
        """
        lanes, heads, _, head_dim = layout.layout.frame_shape
        dtype = torch.promote_types(layout.formats.dtype, torch.float32)
        summary = 2 * lanes * heads * head_dim * dtype.itemsize
        disk_blocks = config.disk_bytes // layout.nbytes
        if config.disk_bytes and not disk_blocks:
            raise ConfigError(
                f"disk_bytes={config.disk_bytes} holds no block of {layout.nbytes:,} bytes: raise "
                "it or lower block_size"
            )
        ahead = _READ_AHEAD_PER_FOUND * config.retrieve_blocks if disk_blocks else 0
        # One block more than those that are found: the one that is being filled.
        fixed = (1 + ahead) * layout.nbytes + disk_blocks * summary
        host_blocks = (config.host_bytes - fixed) // (layout.nbytes + summary)
        if host_blocks < 1:
            raise ConfigError(
                f"host_bytes={config.host_bytes} has no room for a block of {layout.nbytes:,} bytes"
                f" beside {fixed:,} that the archive needs: give at least "
                f"{fixed + layout.nbytes + summary:,}, or lower block_size"
            )
        return cls(host_blocks, disk_blocks, ahead * lanes)
