"""Numbers stored as they are, in one floating type."""

import torch
from torch import Tensor

from vidcache.cache.formats.base import EncodedFrames, StorageFormat, register_format

__all__ = ["PlainFormat"]


class PlainFormat(StorageFormat):
    """Stores numbers in a floating type. What is larger than ``fp16`` holds becomes infinite.

    Args:
        name: What configs and files call it.
        dtype: The type.
    """

    plain = True

    def __init__(self, name: str, dtype: torch.dtype) -> None:
        self.name = name
        self.dtype = dtype

    def encode(self, frames: Tensor) -> EncodedFrames:
        """Rounds frames (…, N, hd) to the type."""
        return EncodedFrames(frames.to(self.dtype))

    def decode(self, stored: EncodedFrames, out: Tensor) -> None:
        """Converts frames (…, N, hd) to the type of ``out``."""
        out.copy_(stored.data)


for _name, _dtype in (
    ("fp64", torch.float64),
    ("fp32", torch.float32),
    ("bf16", torch.bfloat16),
    ("fp16", torch.float16),
):
    register_format(PlainFormat(_name, _dtype))
