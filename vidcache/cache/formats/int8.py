"""Whole numbers from -127 to 127 and a scale a frame and head."""

import torch
from torch import Tensor

from vidcache.cache.formats.base import EncodedFrames, StorageFormat, register_format
from vidcache.cache.formats.scales import scaled_to

__all__ = ["Int8Format"]


class Int8Format(StorageFormat):
    """Stores a frame's keys or values of one head as int8, with the scale of that very frame."""

    name = "int8"
    dtype = torch.int8
    scaled = True

    def encode(self, frames: Tensor) -> EncodedFrames:
        """Rounds frames (…, N, hd) to 255 steps between ± their largest number."""
        scaled, scales = scaled_to(127.0, frames)
        return EncodedFrames(scaled.round_().to(torch.int8), scales)

    def decode(self, stored: EncodedFrames, out: Tensor) -> None:
        """Multiplies frames (…, N, hd) by their scales."""
        assert stored.scales is not None
        out.copy_(stored.data).mul_(stored.scales[..., None, None])


register_format(Int8Format())
