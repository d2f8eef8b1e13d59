"""A YAML file of settings, read so that a message can name the line of a key."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from vidcache.errors import ConfigError

__all__ = ["YamlFile", "read_yaml"]


@dataclass(frozen=True, eq=False)
class YamlFile:
    """What a YAML file holds.

    Attributes:
        path: The file.
        values: Its mapping; empty for an empty file.
        root: Its tree of nodes, which know their lines; None for an empty file.
    """

    path: Path
    values: dict[str, Any]
    root: yaml.Node | None

    def place(self, *keys: str | int) -> str:
        """Say where a value stands, as ``FILE, line 3``.

        Args:
            keys: The way to it: keys of mappings and places in lists. Where it leads nowhere, the
                line is that of the last thing on the way.
        """
        node, line = self.root, None
        for key in keys:
            found = _step(node, key)
            if found is None:
                break
            node, line = found
        return f"{self.path}" if line is None else f"{self.path}, line {line}"


def read_yaml(path: str | Path, what: str) -> YamlFile:
    """Reads a YAML file of ``key: value`` lines.

    Args:
        path: The file.
        what: What it is, for the error's message.

    Raises:
        ConfigError: If the file cannot be read, is no YAML mapping, or holds a key twice.
    """
    name = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise ConfigError(f"cannot read the {what} {name!r}: {reason}") from error
    try:
        values: object = yaml.load(text, Loader=_UniqueKeyLoader)
        root = cast("yaml.Node | None", yaml.compose(text, Loader=yaml.SafeLoader))  # pyright: ignore[reportUnknownMemberType]
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}{_yaml_problem(error)}") from error
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(f"{name}: expected 'key: value' lines, got a {type(values).__name__}")
    return YamlFile(Path(path), cast("dict[str, Any]", values), root)


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


def _step(node: yaml.Node | None, key: str | int) -> tuple[yaml.Node, int] | None:
    """The node that a key leads to, and the line that the key stands in."""
    if isinstance(node, yaml.MappingNode):
        for key_node, value in node.value:
            if str(key_node.value) == str(key):
                return value, key_node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        value = node.value[key]
        return value, value.start_mark.line + 1
    return None
