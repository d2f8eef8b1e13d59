"""What a pool says about itself."""

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["PoolStats"]


@dataclass(frozen=True)
class PoolStats:
    """Figures of a :class:`~vidcache.cache.BlockPool`.

    Attributes:
        nbytes: Bytes of the pool, allocated once.
        nbytes_used: Bytes of the blocks that states hold.
        block_size: Frames a block.
        num_blocks: Blocks of the pool.
        num_free_blocks: Blocks that no state holds.
        num_shared_blocks: Blocks that several rows hold.
        num_states: States that live in the pool.
        taken: Blocks taken so far.
        copied: How many of them were copies of a shared block that was about to be written.
        evicted_states: How often an idle state lost its blocks to another one.
    """

    nbytes: int
    nbytes_used: int
    block_size: int
    num_blocks: int
    num_free_blocks: int
    num_shared_blocks: int
    num_states: int
    taken: int
    copied: int
    evicted_states: int

    def to_dict(self) -> dict[str, Any]:
        """Returns the figures as plain values, for JSON."""
        return asdict(self)
