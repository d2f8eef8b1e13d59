"""The settings of a camera head, in a file of their own."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from vidcache.errors import ConfigError

if TYPE_CHECKING:
    from vidcache.head import HeadConfig

__all__ = ["SETTINGS_SUFFIXES", "read_head_config"]

SETTINGS_SUFFIXES = {".yaml", ".yml", ".json"}
"""How the names of such files end."""


def read_head_config(path: Path) -> "HeadConfig":
    """Reads the settings of a camera head.

    Args:
        path: A YAML or JSON file with the keys of `HeadConfig`.

    Raises:
        ConfigError: If it cannot be read, or a setting is unknown or not allowed.
    """
    from vidcache.head import HeadConfig

    try:
        return HeadConfig.from_dict(_read_settings(path))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        # JSON is YAML, but its errors are clearer when it is read as what it is.
        values: object = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(f"cannot read it: {error.strerror or error}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError("this is no valid YAML or JSON") from error
    if not isinstance(values, dict):
        raise ConfigError("expected 'key: value' lines with the settings of a camera head")
    return cast("dict[str, Any]", values)
