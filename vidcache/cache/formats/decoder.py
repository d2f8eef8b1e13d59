"""Stored keys or values as attention reads them."""

import torch
from torch import Tensor

from vidcache.cache.formats.base import EncodedFrames, StorageFormat

__all__ = ["Decoder"]


class Decoder:
    """Decodes one lane at a time into memory that is allocated once.

    Args:
        storage_format: How the frames are stored.
        dtype: What attention runs in.

    Attributes:
        direct: Whether stored frames are read where they lie.
    """

    def __init__(self, storage_format: StorageFormat, dtype: torch.dtype) -> None:
        self.format = storage_format
        self.dtype = dtype
        self.direct = storage_format.plain and storage_format.dtype == dtype
        self._scratch: EncodedFrames | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of the memory that frames are decoded into."""
        return 0 if self._scratch is None else self._scratch.nbytes

    def decode(self, stored: EncodedFrames) -> Tensor:
        """Returns frames (…, N, hd) in the type of attention, valid until the next call.

        Args:
            stored: The frames; their shape is the same at each call.
        """
        if self.direct:
            return stored.data
        if self._scratch is None:
            with torch.inference_mode(False):
                self._scratch = stored.map(
                    lambda part: torch.zeros(part.shape, dtype=self.dtype, device=part.device)
                )
        out = self._scratch
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
