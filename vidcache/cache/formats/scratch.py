"""Memory into which stored frames are brought before attention reads them."""

from __future__ import annotations

import math

import torch

from vidcache.cache.formats.base import EncodedFrames, StorageFormat

__all__ = ["Scratch"]


class Scratch:
    """Room for frames (…, N, hd), allocated when it is first asked for and then used again.

    Args:
        shape: The most frames that are brought here at once, (…, N, hd).
        dtype: Type of their elements.
        scales_dtype: Type of the scale of each frame and head, or None where there are none.
        device: Where.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: torch.dtype,
        scales_dtype: torch.dtype | None,
        device: torch.device,
    ) -> None:
        self._shape = shape
        self._dtypes = dtype, scales_dtype
        self._device = device
        self._flat: EncodedFrames | None = None

    @classmethod
    def as_stored(
        cls, storage_format: StorageFormat, shape: tuple[int, ...], device: torch.device
    ) -> Scratch:
        """Makes room for frames as a format stores them.

        Args:
            storage_format: The format.
            shape: The most frames that are brought here at once, (…, N, hd).
            device: Where.
        """
        scales_dtype = torch.float32 if storage_format.scaled else None
        return cls(shape, storage_format.dtype, scales_dtype, device)

    @property
    def nbytes(self) -> int:
        """Bytes that are allocated."""
        return 0 if self._flat is None else self._flat.nbytes

    def frames(self, shape: tuple[int, ...]) -> EncodedFrames:
        """Returns room for frames, contiguous, with whatever was there before.

        Args:
            shape: (…, N, hd), no more frames than the scratch was made for.
        """
        if self._flat is None:
            self._flat = self._allocated()
        data, scales = self._flat.data, self._flat.scales
        if scales is not None:
            scales = scales[: math.prod(shape[:-2])].view(shape[:-2])
        return EncodedFrames(data[: math.prod(shape)].view(shape), scales)

    def release(self) -> None:
        """Gives the memory back until frames are brought here again."""
        self._flat = None

    def _allocated(self) -> EncodedFrames:
        dtype, scales_dtype = self._dtypes
        # Made in inference mode, it would not be writable outside of it.
        with torch.inference_mode(False):
            data = torch.zeros(math.prod(self._shape), dtype=dtype, device=self._device)
            if scales_dtype is None:
                return EncodedFrames(data)
            num_scales = math.prod(self._shape[:-2])
            return EncodedFrames(
                data, torch.zeros(num_scales, dtype=scales_dtype, device=self._device)
            )
