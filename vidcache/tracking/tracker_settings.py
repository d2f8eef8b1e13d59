"""The trackers that Ultralytics ships, and their settings."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from vidcache.errors import ConfigError
from vidcache.tracking._ultralytics import load_ultralytics

__all__ = ["TrackerSettings", "load_tracker_settings", "tracker_names"]


@dataclass(frozen=True)
class TrackerSettings:
    """A tracker and every one of its settings.

    Attributes:
        name: Name of the tracker, such as ``bytetrack``.
        values: Its settings by key, as in Ultralytics' own file of that tracker.
    """

    name: str
    values: Mapping[str, Any]


def tracker_names() -> tuple[str, ...]:
    """Names of all trackers that the installed Ultralytics ships, sorted.

    Raises:
        MissingExtraError: If Ultralytics is not installed.
    """
    return tuple(sorted(path.stem for path in _shipped_folder().glob("*.yaml")))


def load_tracker_settings(
    tracker: str | Path = "bytetrack", settings: str | Path | Mapping[str, Any] | None = None
) -> TrackerSettings:
    """Reads a tracker's settings: those that ship with it, and what replaces some of them.

    Args:
        tracker: Name of a tracker, or the path of a YAML file with a ``tracker_type``.
        settings: Settings that replace the shipped ones: a mapping, or the path of a YAML file.
            What they leave out keeps its shipped value.

    Raises:
        ConfigError: If the tracker or a key is unknown (the message gives the nearest name), a
            value is of another type than the shipped one, or the file cannot be read.
        MissingExtraError: If Ultralytics is not installed.

    Example:
        >>> load_tracker_settings("bytetrack", {"track_buffer": 60}).values["track_buffer"]
        60
    """
    name, own = _name_and_own_values(str(tracker))
    values = _read(_shipped_folder() / f"{name}.yaml")
    if isinstance(settings, (str, Path)):
        own |= _read(Path(settings))
    elif settings is not None:
        own |= dict(settings)
    for key, value in own.items():
        values[key] = _checked(name, key, value, values)
    return TrackerSettings(name, values)


def _shipped_folder() -> Path:
    return Path(str(load_ultralytics().__file__)).parent / "cfg" / "trackers"


def _name_and_own_values(tracker: str) -> tuple[str, dict[str, Any]]:
    names = tracker_names()
    if tracker in names:
        return tracker, {}
    path = Path(tracker).expanduser()
    if path.suffix not in {".yaml", ".yml"} or (not path.exists() and path.stem in names):
        if path.stem in names and path.name == tracker:
            return path.stem, {}
        near = difflib.get_close_matches(tracker.lower(), names, n=2, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "a tracker of your own is a .yaml"
        raise ConfigError(f"unknown tracker {tracker!r}: expected {', '.join(names)}; {hint}")
    values = _read(path)
    name = values.get("tracker_type")
    if name not in names:
        raise ConfigError(
            f"{tracker}: tracker_type is {name!r}, expected one of {', '.join(names)}"
        )
    return str(name), values


def _read(path: Path) -> dict[str, Any]:
    try:
        values: object = yaml.safe_load(path.expanduser().read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise ConfigError(f"cannot read the tracker's settings {str(path)!r}: {reason}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: this is no valid YAML") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected 'key: value' lines with a tracker's settings")
    return {str(key): value for key, value in cast("dict[object, Any]", values).items()}


def _checked(tracker: str, key: str, value: object, shipped: Mapping[str, Any]) -> object:
    if key not in shipped:
        near = difflib.get_close_matches(key, list(shipped), n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"valid here: {', '.join(shipped)}"
        raise ConfigError(f"the tracker {tracker} has no setting {key!r}; {hint}")
    if key == "tracker_type" and value != tracker:
        raise ConfigError(f"tracker_type is {value!r}, but the tracker asked for is {tracker!r}")
    default = shipped[key]
    if value is None and isinstance(default, str):
        return "none"  # YAML reads an unquoted `null` or an empty value so
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = (
        isinstance(value, bool) if isinstance(default, bool)
        else isinstance(value, int) and is_number if isinstance(default, int)
        else is_number if isinstance(default, float)
        else isinstance(value, str)
    )  # fmt: skip
    if not fits:
        raise ConfigError(
            f"the tracker's setting {key} is {value!r}, expected a value like {default!r}"
        )
    return value
