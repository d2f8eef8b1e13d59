"""The formats of keys and of values, and the type that attention runs in."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from vidcache.cache.formats.base import StorageFormat, format_from_name
from vidcache.errors import ConfigError

__all__ = ["KeyValueFormats"]

_PLAIN = {
    torch.float64: "fp64",
    torch.float32: "fp32",
    torch.bfloat16: "bf16",
    torch.float16: "fp16",
}


@dataclass(frozen=True)
class KeyValueFormats:
    """How a cache stores keys and values, and what they are attended in.

    Attributes:
        key: Format of the keys.
        value: Format of the values.
        dtype: What attention runs in: the type of both where they are stored plainly in one type,
            and else what stored numbers are decoded to.
    """

    key: StorageFormat
    value: StorageFormat
    dtype: torch.dtype

    @classmethod
    def choose(
        cls, dtype: torch.dtype, key_format: str | None = None, value_format: str | None = None
    ) -> KeyValueFormats:
        """Finds the formats by name.

        Args:
            dtype: What to attend in, and to store in where no format is given.
            key_format: Name of the format of keys; None stores them plainly in ``dtype``.
            value_format: The same for values.

        Raises:
            ConfigError: A name or the type is unknown.
        """
        if dtype not in _PLAIN:
            known = ", ".join(str(known) for known in _PLAIN)
            raise ConfigError(f"a cache cannot be attended in {dtype}: use one of {known}")
        key = format_from_name(key_format or _PLAIN[dtype])
        value = format_from_name(value_format or _PLAIN[dtype])
        return cls(key, value, key.dtype if key.plain and key is value else dtype)

    def attended_in(self, dtype: torch.dtype) -> KeyValueFormats:
        """Returns these formats for another type; what was stored plainly in the old one follows.

        Args:
            dtype: What to attend in.

        Raises:
            ConfigError: The type is unknown.
        """
        plain = KeyValueFormats.choose(dtype)
        key = plain.key if self._is_direct(self.key) else self.key
        value = plain.value if self._is_direct(self.value) else self.value
        return KeyValueFormats(key, value, dtype)

    def _is_direct(self, side: StorageFormat) -> bool:
        return side.plain and side.dtype == self.dtype

    def __str__(self) -> str:
        return f"keys {self.key.name}, values {self.value.name}, attended in {self.dtype}"
