"""Stored keys or values as attention reads them."""

import torch
from torch import Tensor

from vidcache.cache.formats.base import EncodedFrames, StorageFormat
from vidcache.cache.formats.scratch import Scratch

__all__ = ["Decoder"]


class Decoder:
    """Decodes one lane at a time into memory that is allocated once.

    Args:
        storage_format: How the frames are stored.
        dtype: What attention runs in.
        shape: The most frames that are decoded at once, (…, N, hd).
        device: Where they are.

    Attributes:
        direct: Whether stored frames are read where they lie.
    """

    def __init__(
        self,
        storage_format: StorageFormat,
        dtype: torch.dtype,
        shape: tuple[int, ...],
        device: torch.device,
    ) -> None:
        self.format = storage_format
        self.dtype = dtype
        self.direct = storage_format.plain and storage_format.dtype == dtype
        scales_dtype = dtype if storage_format.scaled else None
        self._scratch = Scratch(shape, dtype, scales_dtype, device)

    @property
    def nbytes(self) -> int:
        """Bytes of the memory that frames are decoded into."""
        return self._scratch.nbytes

    def decode(self, stored: EncodedFrames) -> Tensor:
        """Returns frames (…, N, hd) in the type of attention, valid until the next call.

        Args:
            stored: The frames.
        """
        if self.direct:
            return stored.data
        out = self._scratch.frames(tuple(stored.data.shape))
        if stored.scales is not None and out.scales is not None:
            stored = EncodedFrames(stored.data, out.scales.copy_(stored.scales))
        self.format.decode(stored, out.data)
        return out.data

    def round_trip(self, tokens: Tensor, num_tokens: int) -> Tensor:
        """Returns new keys or values as they will be read once they are stored.

        Args:
            tokens: (B, nh, T·N, hd).
            num_tokens: Tokens N of a frame.
        """
        if self.direct:
            return tokens.to(self.dtype)
        frames = torch.unflatten(tokens, 2, (-1, num_tokens))
        stored = self.format.encode(frames)
        out = torch.empty(stored.data.shape, dtype=self.dtype, device=tokens.device)
        if stored.scales is not None:
            stored = EncodedFrames(stored.data, stored.scales.to(self.dtype))
        self.format.decode(stored, out)
        return out.flatten(2, 3)
