"""Settings from a YAML file and from flags, with errors that name the key."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import BaseModel, ValidationError

from vidcache.config.settings import Config
from vidcache.errors import ConfigError

__all__ = ["load_config", "override"]


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
    name = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise ConfigError(f"cannot read the configuration {name!r}: {reason}") from error
    try:
        values: object = yaml.load(text, Loader=_UniqueKeyLoader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}{_yaml_problem(error)}") from error
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(f"{name}: expected 'key: value' lines, got a {type(values).__name__}")
    return _validate(cast("dict[str, Any]", values), where=f"{name}: ")


def override(config: Config, flags: Mapping[str, Any], *, prefix: str = "--") -> Config:
    """Replaces settings by those that were given elsewhere, such as flags.

    Args:
        config: The settings to start from.
        flags: New values by key, ``section.key`` within a section; None leaves a key as it is.
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
        section, _, name = key.rpartition(".")
        (merged[section] if section else merged)[name] = value
    return _validate(merged, where="", prefix=prefix, dashes=prefix == "--")


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping, where YAML would keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
            if not isinstance(key, str):
                continue
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _yaml_problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f", line {error.problem_mark.line + 1}: {error.problem or 'this is no valid YAML'}"
    return ": this is no valid YAML"


def _validate(
    values: Mapping[str, Any], *, where: str, prefix: str = "", dashes: bool = False
) -> Config:
    try:
        return Config.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    parts = [str(part) for part in first["loc"]]
    key = ".".join(parts)
    if first["type"] == "extra_forbidden":
        raise ConfigError(f"{where}unknown key {key!r}{_suggestion(parts)}")
    shown = prefix + (parts[-1].replace("_", "-") if dashes else key)
    given = _shorten(first["input"])
    raise ConfigError(f"{where}{shown}: {given} is not allowed: {_expected(first['msg'])}")


def _expected(message: str) -> str:
    return message[:1].lower() + message[1:]


def _shorten(value: object, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _suggestion(parts: list[str]) -> str:
    """The nearest valid name: first beside the unknown key, then anywhere."""
    names = list(_all_keys(Config))
    parent = parts[:-1]
    depth = len(parent)
    siblings = [n for n in names if n.split(".")[:depth] == parent and n.count(".") == depth]
    by_last = {name.rsplit(".", 1)[-1]: name for name in [*names, *siblings]}
    near_siblings = {n.rsplit(".", 1)[-1]: n for n in siblings}
    for candidates, cutoff in ((near_siblings, 0.6), (by_last, 0.8)):
        match = difflib.get_close_matches(parts[-1], list(candidates), n=1, cutoff=cutoff)
        if match:
            return f"; did you mean {candidates[match[0]]!r}?"
    return f"; valid here: {', '.join(n.rsplit('.', 1)[-1] for n in siblings)}"


def _all_keys(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, info in section.model_fields.items():
        yield prefix + name
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _all_keys(info.annotation, f"{prefix}{name}.")
