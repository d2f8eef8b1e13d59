"""The settings of a run from a YAML file and from flags, with errors that name the key."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from vidcache.config.section import Section
from vidcache.config.settings import Config
from vidcache.config.validation import validate_settings
from vidcache.config.yaml_file import read_yaml

__all__ = ["CLEARED", "load_config", "override"]

_Settings = TypeVar("_Settings", bound=Section)

CLEARED: Final = object()
"""As a value for :func:`override`: the key is set to null, as None would leave it as it is."""


def load_config(path: str | Path) -> Config:
    """Reads a YAML file of settings.

    Args:
        path: The file.

    Returns:
        The settings, with defaults for every key that the file leaves out.

    Raises:
        ConfigError: If the file cannot be read, is no YAML mapping, or holds an unknown key or
            a value that is not allowed. The message names the file and the key.
    """
    values = read_yaml(path, "configuration").values
    return validate_settings(Config, values, where=lambda _: f"{path}: ")


def override(config: _Settings, flags: Mapping[str, Any], *, prefix: str = "--") -> _Settings:
    """Replaces settings by those that were given elsewhere, such as flags.

    Args:
        config: The settings to start from.
        flags: New values by key, ``section.key`` within a section, however deep it lies; None
            leaves a key as it is, and ``CLEARED`` sets it to null.
        prefix: Written before a key in an error's message.

    Returns:
        New settings.

    Raises:
        ConfigError: If a value is not allowed.
    """
    changed = {key: value for key, value in flags.items() if value is not None}
    if not changed:
        return config
    merged = config.model_dump()
    for key, value in changed.items():
        *sections, name = key.split(".")
        target = merged
        for section in sections:
            target = target[section]
        target[name] = None if value is CLEARED else value

    def show_key(parts: Sequence[str]) -> str:
        return prefix + (parts[-1].replace("_", "-") if prefix == "--" else ".".join(parts))

    return validate_settings(type(config), merged, where=lambda _: "", show_key=show_key)
