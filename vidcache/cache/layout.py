"""How large a cache is, known before anything is allocated."""

from dataclasses import dataclass

from vidcache.cache.eviction.base import EvictionPolicy
from vidcache.cache.formats import KeyValueFormats

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

    @property
    def frame_shape(self) -> tuple[int, int, int, int]:
        """Lanes, heads, tokens and width of a head: what frames in one pool must share."""
        return (self.num_lanes, self.num_heads, self.num_tokens, self.head_dim)

    def frame_nbytes(self, formats: KeyValueFormats) -> int:
        """Returns the bytes of one frame's keys, values and scales, in all lanes.

        Args:
            formats: How keys and values are stored.
        """
        frame = (self.num_heads, self.num_tokens, self.head_dim)
        lane = formats.key.frame_nbytes(*frame) + formats.value.frame_nbytes(*frame)
        return self.num_lanes * lane

    def nbytes(self, batch_size: int, formats: KeyValueFormats) -> int:
        """Returns the bytes of a dense cache: B · S frames.

        Args:
            batch_size: Number of streams B.
            formats: How keys and values are stored.
        """
        return batch_size * self.num_slots * self.frame_nbytes(formats)
