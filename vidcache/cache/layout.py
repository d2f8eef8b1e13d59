"""How large a cache is, known before anything is allocated."""

from dataclasses import dataclass

import torch

from vidcache.cache.eviction.base import EvictionPolicy

__all__ = ["CacheLayout"]


@dataclass(frozen=True)
class CacheLayout:
    """The shape of the keys and values of one head.

    Attributes:
        num_lanes: Number of (iteration, layer) pairs with a history of their own.
        num_heads: Attention heads.
        head_dim: Width of one head.
        num_tokens: Tokens of a frame.
        policy: The eviction policy, which says how many frames a query reaches.
        rollback_margin: Slots beyond the policy's capacity, for frames that can be brought back.
    """

    num_lanes: int
    num_heads: int
    head_dim: int
    num_tokens: int
    policy: EvictionPolicy
    rollback_margin: int

    @property
    def num_slots(self) -> int:
        """Slots S of a stream: the policy's capacity and the rollback margin."""
        return self.policy.capacity + self.rollback_margin

    def nbytes(self, batch_size: int, dtype: torch.dtype) -> int:
        """Returns 2 · lanes · B · S · N · C · sizeof(dtype).

        Args:
            batch_size: Number of streams B.
            dtype: What keys and values are stored in.
        """
        width = self.num_heads * self.head_dim
        frames = batch_size * self.num_slots
        return 2 * self.num_lanes * frames * self.num_tokens * width * dtype.itemsize
