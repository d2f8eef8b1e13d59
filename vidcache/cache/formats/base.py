"""What a storage format is, and the register of their names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar, TypeVar

import torch
from torch import Tensor

from vidcache.errors import ConfigError

__all__ = ["EncodedFrames", "StorageFormat", "format_from_name", "register_format"]

_REGISTER: dict[str, StorageFormat] = {}
_Format = TypeVar("_Format", bound="StorageFormat")


@dataclass(frozen=True, eq=False, slots=True)
class EncodedFrames:
    """Keys or values of frames as a format stores them.

    Attributes:
        data: The stored elements, (…, N, hd).
        scales: One scale a frame and head, float32 (…), or None where the format has none.
    """

    data: Tensor
    scales: Tensor | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of elements and scales."""
        return sum(part.nbytes for part in self.parts())

    def parts(self) -> list[Tensor]:
        """Returns the elements and, where there are any, the scales."""
        return [self.data] if self.scales is None else [self.data, self.scales]

    def at(self, index: int | slice | tuple[slice | int, ...]) -> EncodedFrames:
        """Returns a view of some frames.

        Args:
            index: Of leading dimensions only.
        """
        return self.map(lambda part: part[index])

    def map(self, function: Callable[[Tensor], Tensor]) -> EncodedFrames:
        """Applies a function to elements and scales alike.

        Args:
            function: What works on leading dimensions only, such as indexing.
        """
        return EncodedFrames(
            function(self.data), None if self.scales is None else function(self.scales)
        )


class StorageFormat(ABC):
    """How numbers lie in a cache. An instance is registered by its name.

    Attributes:
        name: What configs and files call it.
        dtype: Type of the stored elements, one that can be indexed and copied on every device.
        scaled: Whether each frame and head has a float32 scale, over its N tokens and hd channels.
        plain: Whether the stored elements are the numbers themselves, so that attention can read
            them where they lie.

    Example:
        A format of one's own is a few lines, usable by its name from then on:

        >>> import torch
        >>> from vidcache.cache import EncodedFrames, StorageFormat, register_format
        >>> class Signs(StorageFormat):
        ...     name, dtype, scaled = "signs", torch.int8, True
        ...     def encode(self, frames):
        ...         return EncodedFrames(frames.sign().to(torch.int8),
        ...                              frames.abs().mean((-2, -1)).float())
        ...     def decode(self, stored, out):
        ...         out.copy_(stored.data).mul_(stored.scales[..., None, None])
        >>> register_format(Signs()).name
        'signs'
    """

    name: str
    dtype: torch.dtype
    scaled: bool = False
    plain: ClassVar[bool] = False

    @abstractmethod
    def encode(self, frames: Tensor) -> EncodedFrames:
        """Encodes frames, each by itself: what was stored before has no say.

        Args:
            frames: (…, N, hd), of any floating type.
        """

    @abstractmethod
    def decode(self, stored: EncodedFrames, out: Tensor) -> None:
        """Decodes frames in place, without memory of its own.

        Args:
            stored: The frames, (…, N, hd); scales in the dtype of ``out``.
            out: Where to; contiguous, of the shape of ``stored.data``.
        """

    def frame_nbytes(self, num_heads: int, num_tokens: int, head_dim: int) -> int:
        """Returns the bytes of one frame's keys or values in one lane.

        Args:
            num_heads: Attention heads.
            num_tokens: Tokens N of a frame.
            head_dim: Width hd of one head.
        """
        scale = torch.float32.itemsize if self.scaled else 0
        return num_heads * (num_tokens * head_dim * self.dtype.itemsize + scale)

    def empty(self, shape: tuple[int, ...], device: torch.device) -> EncodedFrames:
        """Makes room for frames, filled with zeros.

        Args:
            shape: (…, N, hd).
            device: Where.
        """
        # Zeros, not empty memory: a slot never written is masked, but 0 · NaN is NaN.
        data = torch.zeros(shape, dtype=self.dtype, device=device)
        scales = torch.zeros(shape[:-2], device=device, dtype=torch.float32)
        return EncodedFrames(data, scales if self.scaled else None)


def register_format(storage_format: _Format) -> _Format:
    """Makes a storage format known by its name.

    Args:
        storage_format: The format.

    Returns:
        The same format.
    """
    _REGISTER[storage_format.name] = storage_format
    return storage_format


def format_from_name(name: str) -> StorageFormat:
    """Finds a registered storage format.

    Args:
        name: For example ``"int8"``.

    Returns:
        The format.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in _REGISTER:
        near = get_close_matches(str(name), _REGISTER, n=1) or sorted(_REGISTER)
        raise ConfigError(f"unknown storage format {name!r}: use one of {', '.join(near)}")
    return _REGISTER[name]
