"""Settings are checked against their sections, with errors that name the key."""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from vidcache.errors import ConfigError

__all__ = ["nearest_name", "validate_settings"]

_Settings = TypeVar("_Settings", bound=BaseModel)


def validate_settings(
    kind: type[_Settings],
    values: Mapping[str, Any],
    *,
    where: Callable[[Sequence[str | int]], str],
    show_key: Callable[[Sequence[str]], str] = ".".join,
) -> _Settings:
    """Checks settings.

    Args:
        kind: What they are settings of.
        values: The settings.
        where: Says where a key stands, such as ``my.yaml: ``, for the error's message.
        show_key: Writes the key of a value that is not allowed.

    Raises:
        ConfigError: A key is unknown, or a value is not allowed. The message has the nearest
            valid name, or what was expected.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        found = error.errors(include_url=False)
    # A key that is written wrong is why another one is missing.
    first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
    parts = [str(part) for part in first["loc"]]
    place = where(first["loc"])
    if first["type"] == "extra_forbidden":
        raise ConfigError(f"{place}unknown key {'.'.join(parts)!r}{_suggestion(kind, parts)}")
    if first["type"] == "missing" and isinstance(first["loc"][-1], str):
        raise ConfigError(f"{place}the key {'.'.join(parts)!r} is missing")
    if first["type"] == "value_error" and isinstance(first["input"], Mapping):
        # What is wrong is how several keys go together.
        section = f"{'.'.join(parts)}: " if parts else ""
        raise ConfigError(f"{place}{section}{_expected(first)}")
    given = _shorten(first["input"])
    raise ConfigError(f"{place}{show_key(parts)}: {given} is not allowed: {_expected(first)}")


def nearest_name(name: str, names: Sequence[str]) -> str:
    """Ends a message about an unknown name: with the nearest that is valid, or with all.

    Args:
        name: What was given.
        names: What would have been valid.

    Example:
        >>> nearest_name("wak", ["walk", "run"])
        "did you mean 'walk'?"
    """
    match = difflib.get_close_matches(name, names, n=1)
    if match:
        return f"did you mean {match[0]!r}?"
    shown = [*names[:8], "…"] if len(names) > 8 else names
    return f"expected one of: {', '.join(shown)}"


def _expected(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "model_type":
        return "expected a section of keys"
    return message[:1].lower() + message[1:]


def _shorten(value: object, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _suggestion(kind: type[BaseModel], parts: list[str]) -> str:
    """The nearest valid name: first beside the unknown key, then anywhere."""
    names = list(_all_keys(kind))
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
        for kind in _sections(info.annotation):
            yield from _all_keys(kind, f"{prefix}{name}.")


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """The section that an annotation means, which may stand in ``Section | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _sections(inner)
