"""Numbers that a flag takes with commas between them."""

from vidcache.errors import ConfigError

__all__ = ["parse_numbers"]


def parse_numbers(text: str, flag: str) -> list[int]:
    """Reads whole numbers from 1, such as ``1,2,4``.

    Args:
        text: What was given.
        flag: The flag that it was given with, for the error.

    Raises:
        ConfigError: If they are none.
    """
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise ConfigError(
            f"{flag} is {text!r}: give whole numbers from 1 with commas between, such as 64,256"
        )
    return numbers
