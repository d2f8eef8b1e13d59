"""Validated settings of a run: from a YAML file, from flags, or from Python.

A file holds any of the keys of `Config`; what it leaves out keeps its default, and an unknown
key is refused with the nearest valid name. `configs/default.yaml` lists every key.
"""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from vidcache.errors import ConfigError

__all__ = ["Config", "EventSettings", "ReadSettings", "TrackSettings", "load_config", "override"]


def _as_source(value: object) -> object:
    """A camera's number may be written as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_name(value: object) -> object:
    """YAML reads ``null`` and an empty value as nothing, which means ``none`` here."""
    return "none" if value is None else value


_Source = Annotated[str, BeforeValidator(_as_source), Field(min_length=1)]
_Name = Annotated[str, BeforeValidator(_as_name), Field(min_length=1)]
_Score = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=1)]
_Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, protected_namespaces=())


class EventSettings(_Section):
    """When an action counts as begun and as ended.

    Attributes:
        enter: Score from which an action may begin; None for the model's own threshold.
        leave: Score below which it may end; None for three quarters of ``enter``.
        min_seconds: How long the score must hold before the action counts as begun.
        min_gap_seconds: How long it must stay below ``leave`` before the action counts as ended.
    """

    enter: _Score | None = None
    leave: _Score | None = None
    min_seconds: _Seconds = 0.5
    min_gap_seconds: _Seconds = 0.25


class ReadSettings(_Section):
    """How a source is read.

    Attributes:
        backend: ``auto`` reads cameras with OpenCV and all else with PyAV.
        max_size: Longest side of the frames in pixels; larger ones are shrunk while decoding.
        open_timeout: Seconds that a network source may take to open.
        read_timeout: Seconds that it may then take for the next packet.
        camera_size: Width and height to ask a camera for; it gives the nearest it can.
        camera_rate: Frames a second to ask a camera for.
        gap_seconds: A step in presentation time longer than this is a discontinuity.
    """

    backend: Literal["auto", "pyav", "opencv"] = "auto"
    max_size: _Count | None = None
    open_timeout: _Positive = 10.0
    read_timeout: _Positive = 10.0
    camera_size: tuple[_Count, _Count] | None = None
    camera_rate: _Positive | None = None
    gap_seconds: _Positive = 2.0

    def source_options(self) -> dict[str, Any]:
        """The options that `vidcache.open_source` takes, by name."""
        return self.model_dump(exclude={"gap_seconds"})


class TrackSettings(_Section):
    """How objects are found and followed.

    Attributes:
        image_size: Longer side of the picture that the detector sees, in pixels; None for the
            model's own.
        confidence: Objects with a lower score are left out.
        classes: Labels to keep; None keeps all.
        settings: Settings that replace the tracker's shipped ones: a mapping or a YAML file.
    """

    image_size: Annotated[int, Field(ge=32)] | None = None
    confidence: _Score = 0.1
    classes: tuple[str, ...] | None = None
    settings: dict[str, Any] | str | None = None


class Config(_Section):
    """All settings of one run.

    Attributes:
        source: Camera number or device, file, folder, glob, ``rtsp://…``, ``http(s)://…`` or
            ``lavfi:GRAPH``; the command line's SOURCE comes first.
        model: Name of a bundled action model, or the path of a model file.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, …
        precision: Arithmetic of the encoder; ``auto`` takes bf16 where the processor is fast at it.
        threshold: Score below which the action shown is ``unsure``; None for the model's own.
        detector: ``auto``, ``none``, a model's name, or the path of a model file.
        tracker: Name of a tracker, or the path of its settings file.
        jsonl: File that the results are written to; ``-`` is the standard output.
        video: MP4 file that the annotated video is written to.
        show: Whether a live window opens.
        max_frames: How many frames of a source are read at most; None for all.
        batch: Frames of a file that are encoded together; live sources go one by one.
        prefix_cache: Folder in which is remembered what was computed on files, so that a file that
            begins like an earlier one goes on from there, with the same labels to the bit.
        prefix_cache_gb: How large that folder may grow, in 10^9 bytes.
        events: When an action counts as begun and as ended.
        read: How a source is read.
        track: How objects are found and followed.

    Example:
        >>> config = Config.model_validate({"detector": "none", "events": {"min_seconds": 1.0}})
        >>> config.events.min_seconds
        1.0
    """

    source: _Source | None = None
    model: _Name = "tiny"
    device: _Name = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    threshold: _Score | None = None
    detector: _Name = "auto"
    tracker: _Name = "bytetrack"
    jsonl: str | None = None
    video: str | None = None
    show: bool = False
    max_frames: _Count | None = None
    batch: Annotated[int, Field(ge=1, le=256)] = 8
    prefix_cache: Annotated[str, Field(min_length=1)] | None = None
    prefix_cache_gb: _Positive = 4.0
    events: EventSettings = EventSettings()
    read: ReadSettings = ReadSettings()
    track: TrackSettings = TrackSettings()


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
        flags: New values by key; None leaves the key as it is.
        prefix: Written before a key in an error's message.

    Returns:
        New settings.

    Raises:
        ConfigError: If a value is not allowed.
    """
    changed = {key: value for key, value in flags.items() if value is not None}
    if not changed:
        return config
    merged = config.model_dump() | changed
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
    shown = prefix + (key.replace("_", "-") if dashes else key)
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
