"""Numbers of bytes as people write and read them."""

import re

from vidcache.errors import ConfigError

__all__ = ["parse_bytes", "show_bytes"]

_UNITS = {
    "": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate(("", "k", "M", "G", "T"))},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", 1)},
}
_BY_LOWER = {unit.lower(): factor for unit, factor in _UNITS.items()}
_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


def parse_bytes(text: str, flag: str) -> int:
    """Reads a number of bytes such as ``64MB`` (10^6) or ``64MiB`` (2^20).

    Args:
        text: What was given.
        flag: The flag that it was given with, for the error.

    Raises:
        ConfigError: If it is none.
    """
    match = _NUMBER.fullmatch(text)
    factor = _BY_LOWER.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise ConfigError(
            f"{flag}: {text!r} is no number of bytes: give one such as 64MB or 1.5GiB"
        )
    return int(float(match[1]) * factor)


def show_bytes(number: int) -> str:
    """Writes a number of bytes in the largest unit of 1024s that leaves at least 1."""
    for power, letter in ((4, "T"), (3, "G"), (2, "M"), (1, "K")):
        if number >= 1024**power:
            return f"{number / 1024**power:.1f} {letter}iB"
    return f"{number} bytes"
