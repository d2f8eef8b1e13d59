"""Storage formats of keys and values, one a file; a user's own is registered by its name."""

from vidcache.cache.formats.base import (
    EncodedFrames,
    StorageFormat,
    format_from_name,
    register_format,
)
from vidcache.cache.formats.decoder import Decoder
from vidcache.cache.formats.fp8 import Fp8Format
from vidcache.cache.formats.int8 import Int8Format
from vidcache.cache.formats.pair import KeyValueFormats
from vidcache.cache.formats.plain import PlainFormat
from vidcache.cache.formats.scratch import Scratch

__all__ = [
    "Decoder",
    "EncodedFrames",
    "Fp8Format",
    "Int8Format",
    "KeyValueFormats",
    "PlainFormat",
    "Scratch",
    "StorageFormat",
    "format_from_name",
    "register_format",
]
