"""Checks of settings."""

from vidcache.errors import ConfigError

__all__ = ["require_count"]


def require_count(name: str, value: object, *, at_least: int) -> None:
    """Refuses anything but a whole number of at least ``at_least``.

    Args:
        name: Name of the setting, for the message.
        value: What was given.
        at_least: The smallest number that is accepted.

    Raises:
        ConfigError: The value is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise ConfigError(f"{name} is {value!r}: give a whole number, {at_least} or more")
