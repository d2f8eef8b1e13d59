"""What a run watches, and what each source is called in messages and file names."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from vidcache.config import Config
from vidcache.errors import ConfigError

__all__ = ["NamedSource", "name_sources"]


@dataclass(frozen=True)
class NamedSource:
    """A source by its name.

    Attributes:
        name: Unique in the run, and fit to be a file's name.
        uri: What is opened.
        is_camera: Whether it goes on for ever, as far as its address tells.
        is_one_of_many: Whether it comes from a folder or pattern, even if that holds no other.
    """

    name: str
    uri: str
    is_camera: bool
    is_one_of_many: bool = False


def name_sources(settings: Config) -> list[NamedSource]:
    """Finds everything that the settings name, cameras first.

    Folders and patterns stand for their files. A name that is not given is made from the file's
    name or from the address, and numbered where two would meet.

    Raises:
        ConfigError: If there is no source, or a given name cannot be a file's.
        SourceError: If a folder holds no video, or nothing matches a pattern.
    """
    from vidcache.video.locations import expand_sources, locate

    named = settings.sources or ([settings.source] if settings.source is not None else [])
    if not named:
        raise ConfigError(
            "there is no SOURCE: give one or more, or a configuration with the key 'source' or "
            "'sources'"
        )
    asked = set(named.values() if isinstance(named, Mapping) else named)
    pairs = named.items() if isinstance(named, Mapping) else (("", uri) for uri in named)
    found: list[tuple[str, str]] = []
    for given, pattern in pairs:
        if given and not re.fullmatch(r"[^/\\\0]*[^/\\\0.]", given):
            raise ConfigError(
                f"sources.{given}: a name becomes a file's name: use letters, digits, -"
            )
        uris = expand_sources(pattern)
        found += [(given if uris == [pattern] else f"{given}{_name(uri)}", uri) for uri in uris]
    names = _unique(given or _name(uri) for given, uri in found)
    sources = [
        NamedSource(name, uri, locate(uri).may_be_live, uri not in asked)
        for name, (_, uri) in zip(names, found, strict=True)
    ]
    return sorted(sources, key=lambda source: not source.is_camera)


def _name(uri: str) -> str:
    from vidcache.video.locations import VIDEO_SUFFIXES, locate

    location = locate(uri)
    if location.kind == "lavfi":
        return "lavfi"
    if location.kind == "camera":
        return f"camera{location.camera_number}"
    if location.kind == "file":
        return Path(location.address).stem
    parts = urlsplit(location.shown)
    path = parts.path
    if Path(path).suffix.lower() in VIDEO_SUFFIXES:
        path = path[: path.rindex(".")]
    text = f"{parts.netloc.rpartition('@')[2]}{path}"
    return re.sub(r"[^A-Za-z0-9.-]+", "_", text).strip("_.") or location.kind


def _unique(names: Iterable[str]) -> list[str]:
    taken: list[str] = []
    for base in names:
        name, number = base, 2
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        taken.append(name)
    return taken
