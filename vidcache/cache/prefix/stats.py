"""What a prefix cache says about itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

__all__ = ["PrefixStats"]


@dataclass(frozen=True)
class PrefixStats:
    """Figures of a :class:`~vidcache.cache.prefix.PrefixCache`.

    Attributes:
        num_blocks: Blocks in memory.
        nbytes: Their bytes.
        num_blocks_disk: Blocks in the folder, as far as this process knows.
        nbytes_disk: Their bytes.
        hits: Look-ups that found something.
        misses: Look-ups that found nothing, or something damaged.
        stored: Blocks that were stored.
        evicted: Blocks that left memory to make room.
        evicted_disk: Blocks that left the folder to make room.
        damaged: Blocks on disk that could not be read, and were removed.
        failed_writes: Blocks that could not be written to disk.
        look_up_seconds: Time that all look-ups took.
    """

    num_blocks: int = 0
    nbytes: int = 0
    num_blocks_disk: int = 0
    nbytes_disk: int = 0
    hits: int = 0
    misses: int = 0
    stored: int = 0
    evicted: int = 0
    evicted_disk: int = 0
    damaged: int = 0
    failed_writes: int = 0
    look_up_seconds: float = 0.0

    def since(self, earlier: PrefixStats) -> PrefixStats:
        """Returns what happened since earlier figures, with the sizes as they are now.

        Args:
            earlier: Figures of the same cache.
        """
        return replace(
            self,
            hits=self.hits - earlier.hits,
            misses=self.misses - earlier.misses,
            stored=self.stored - earlier.stored,
            evicted=self.evicted - earlier.evicted,
            evicted_disk=self.evicted_disk - earlier.evicted_disk,
            damaged=self.damaged - earlier.damaged,
            failed_writes=self.failed_writes - earlier.failed_writes,
            look_up_seconds=self.look_up_seconds - earlier.look_up_seconds,
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the figures as plain values, for JSON."""
        return asdict(self)
