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
    sources: list[str], config: Config, *, several: bool, stdout_is_terminal: bool
) -> list[OutputPaths]:
    """Names the outputs of every source before the first one is opened.

    One source writes the files that the settings name. A folder or pattern writes into folders:
    ``--jsonl DIR`` gets ``DIR/NAME.jsonl`` for each file. With no output at all, the results go
    to the standard output, unless that is a terminal.

    Args:
        sources: What is read, one after the other.
        config: The settings ``jsonl``, ``video`` and ``show``.
        several: Whether SOURCE stands for a set of files, even if that set has one.
        stdout_is_terminal: Whether a person looks at the standard output.

    Raises:
        ConfigError: If an output would replace its source, or a file is named for several.
    """
    jsonl, video = config.jsonl, config.video
    if jsonl is None and video is None and not config.show and not stdout_is_terminal:
        jsonl = _STDOUT
    if video == _STDOUT:
        raise ConfigError("--video: the annotated video cannot go to the standard output")
    names = _unique_stems(sources) if several else []
    plans: list[OutputPaths] = []
    for number, source in enumerate(sources):
        stem = names[number] if several else None
        plan = OutputPaths(_path("jsonl", jsonl, stem), _path("video", video, stem))
        for path in (plan.jsonl, plan.video):
            if path is not None and path != _STDOUT and _same_file(path, source):
                raise ConfigError(f"the output {path!r} would replace the video that is read")
        plans.append(plan)
    return plans


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


def _path(kind: str, target: str | None, stem: str | None) -> str | None:
    if target is None or target == _STDOUT:
        return target
    path = Path(target).expanduser()
    if stem is None:
        return str(path)
    if path.suffix.lower() in _SUFFIXES[kind]:
        raise ConfigError(
            f"--{kind} {target}: SOURCE stands for several files, so give a folder that takes "
            "one output for each"
        )
    return str(path / f"{stem}{'.jsonl' if kind == 'jsonl' else '.mp4'}")


def _unique_stems(sources: list[str]) -> list[str]:
    """The file names without endings, numbered where they would meet."""
    taken: set[str] = set()
    stems: list[str] = []
    for source in sources:
        base = stem = Path(source).stem
        number = 2
        while stem in taken:
            stem = f"{base}_{number}"
            number += 1
        taken.add(stem)
        stems.append(stem)
    return stems


def _same_file(path: str, source: str) -> bool:
    first, second = Path(path), Path(source)
    return first.exists() and second.exists() and first.samefile(second)
