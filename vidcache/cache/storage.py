"""Where keys and values lie: one preallocated block of slots."""

from __future__ import annotations

import torch
from torch import Tensor

from vidcache.cache.layout import CacheLayout

__all__ = ["DenseStorage"]


class DenseStorage:
    """Keys and values of every lane in slots that are allocated once and written in place.

    Args:
        layout: The shape.
        batch_size: Number of streams B.
        dtype: What to store in.
        device: Where to store.
    """

    def __init__(
        self, layout: CacheLayout, batch_size: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        shape = (
            layout.num_lanes,
            batch_size,
            layout.num_heads,
            layout.num_slots,
            layout.num_tokens,
            layout.head_dim,
        )
        # A state made in inference mode must be writable outside of it.
        with torch.inference_mode(False):
            # Zeros, not empty memory: a slot never written is masked, but 0 · NaN is NaN.
            self.keys = torch.zeros(shape, dtype=dtype, device=device)
            self.values = torch.zeros(shape, dtype=dtype, device=device)
        self._rows = torch.arange(batch_size, device=device)
        # Views made once: a step then asks for its lane without any indexing.
        self._lanes = list(
            zip(self.keys.flatten(3, 4).unbind(0), self.values.flatten(3, 4).unbind(0), strict=True)
        )
        self._slots = list(zip(self.keys.unbind(0), self.values.unbind(0), strict=True))

    @property
    def nbytes(self) -> int:
        """Bytes of keys and values."""
        return self.keys.nbytes + self.values.nbytes

    def lane(self, lane: int) -> tuple[Tensor, Tensor]:
        """Returns views of a lane's keys and values, (B, nh, S·N, hd) each."""
        return self._lanes[lane]

    def write_frame(self, lane: int, slots: int | Tensor, key: Tensor, value: Tensor) -> None:
        """Writes one frame of every row in place.

        Args:
            lane: The lane.
            slots: Slot of each row, (B,), on the storage's device; or one slot for all rows.
            key: Keys, (B, nh, N, hd).
            value: Values, (B, nh, N, hd).
        """
        keys, values = self._slots[lane]
        if isinstance(slots, int):
            keys[:, :, slots].copy_(key)
            values[:, :, slots].copy_(value)
            return
        keys[self._rows, :, slots] = key.to(keys.dtype)
        values[self._rows, :, slots] = value.to(values.dtype)

    def write_chunk(self, lane: int, slots: Tensor, key: Tensor, value: Tensor) -> None:
        """Writes the frames of a chunk that have a slot.

        Args:
            lane: The lane.
            slots: Slot of each frame, (B, T); -1 for a frame that is not kept.
            key: Keys, (B, nh, T·N, hd).
            value: Values, (B, nh, T·N, hd).
        """
        keys, values = self._slots[lane]
        rows, frames = (slots >= 0).nonzero(as_tuple=True)
        at = slots[rows, frames].to(keys.device)
        rows, frames = rows.to(keys.device), frames.to(keys.device)
        split = (*key.shape[:2], slots.shape[1], -1, key.shape[3])
        for stored, new in ((keys, key), (values, value)):
            by_frame = new.reshape(split)
            stored[rows, :, at] = by_frame[rows, :, frames].to(stored.dtype)

    def copy_from(self, other: DenseStorage) -> None:
        """Takes over all keys and values of a storage of the same shape.

        Args:
            other: Where to copy from; its dtype and device may differ.
        """
        self.keys.copy_(other.keys)
        self.values.copy_(other.values)
