"""Which files a run writes."""

from dataclasses import dataclass
from pathlib import Path

from vidcache.config import Config
from vidcache.errors import ConfigError, SinkError

__all__ = ["OutputPaths", "make_folders", "plan_outputs"]

_STDOUT = "-"
_SUFFIXES = {"jsonl": {".jsonl", ".json", ".ndjson"}, "video": {".mp4", ".mov", ".m4v"}}


@dataclass(frozen=True)
class OutputPaths:
    """The files of one source.

    Attributes:
        jsonl: Where the results go: a path, ``-`` for the standard output, or None.
        video: Where the annotated video goes, or None.
    """

    jsonl: str | None
    video: str | None


def plan_outputs(
    config: Config, source: str, *, name: str | None, stdout_is_terminal: bool
) -> OutputPaths:
    """Names the outputs of a source before anything is opened.

    One source writes the files that the settings name. Of several each has files of its own: a
    folder gets one named after the source, and ``{name}`` in a path stands for its name. With no
    output at all, the results go to the standard output, unless that is a terminal.

    Args:
        config: The settings ``jsonl``, ``video`` and ``show``.
        source: What is read.
        name: What it is called, if it is one of several.
        stdout_is_terminal: Whether a person looks at the standard output.

    Raises:
        ConfigError: If an output would replace its source, or a file is named for several.
    """
    jsonl, video = config.jsonl, config.video
    if jsonl is None and video is None and not config.show and not stdout_is_terminal:
        jsonl = _STDOUT
    if video == _STDOUT:
        raise ConfigError("--video: the annotated video cannot go to the standard output")
    plan = OutputPaths(_path("jsonl", jsonl, name), _path("video", video, name))
    for path in (plan.jsonl, plan.video):
        if path is not None and path != _STDOUT and _same_file(path, source):
            raise ConfigError(f"the output {path!r} would replace the video that is read")
    return plan


def make_folders(paths: OutputPaths) -> None:
    """Makes the folders of the outputs, where they are missing.

    Raises:
        SinkError: If that cannot be done.
    """
    for path in (paths.jsonl, paths.video):
        if path is None or path == _STDOUT:
            continue
        folder = Path(path).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or str(error)
            raise SinkError(f"cannot make the folder '{folder}': {reason}") from error


def _path(kind: str, target: str | None, name: str | None) -> str | None:
    if target is None or target == _STDOUT:
        return target
    path = Path(target).expanduser()
    if name is None:
        return str(path)
    if "{name}" in target:
        return str(path).replace("{name}", name)
    if path.suffix.lower() in _SUFFIXES[kind]:
        raise ConfigError(
            f"--{kind} {target}: there are several sources, so give a folder that takes one file "
            f"for each, or a path with {{name}} in it"
        )
    return str(path / f"{name}{'.jsonl' if kind == 'jsonl' else '.mp4'}")


def _same_file(path: str, source: str) -> bool:
    first, second = Path(path), Path(source)
    return first.exists() and second.exists() and first.samefile(second)
