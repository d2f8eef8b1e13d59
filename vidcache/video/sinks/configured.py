"""The sinks that the settings of a run ask for."""

import re
from pathlib import Path

from vidcache.config import Config
from vidcache.errors import ConfigError, SinkError
from vidcache.video.sinks.background import BackgroundSink
from vidcache.video.sinks.file_sinks import FILE_SINKS, file_sink
from vidcache.video.sinks.jsonl import JsonlSink
from vidcache.video.sinks.mqtt import MqttSink
from vidcache.video.sinks.rotating_jsonl import RotatingJsonlSink
from vidcache.video.sinks.segmented_video import SegmentedVideoSink
from vidcache.video.sinks.sink import Sink
from vidcache.video.sinks.video_sink import VideoSink
from vidcache.video.sinks.webhook import WebhookSink

__all__ = ["make_sinks", "output_path"]

_STDOUT = "-"
_PLACEHOLDER = "{name}"


def output_path(kind: str, target: str, name: str, *, several: bool) -> str:
    """The path of one source's output.

    Args:
        kind: One of `FILE_SINKS`.
        target: What the settings say: a file; a path with ``{name}`` in it, which becomes the
            source's name; a folder, which gets ``NAME`` with the usual ending; or ``-``.
        name: What the source is called; what a file name cannot hold becomes ``_``.
        several: Whether other sources write their outputs too, so that one file will not do.

    Raises:
        ConfigError: One file is named for several sources, or the standard output for the video.

    Example:
        >>> output_path("video", "out/{name}/seen.mp4", "door", several=True)
        'out/door/seen.mp4'
        >>> output_path("mot", "out", "door 2/left", several=True)
        'out/door 2_left.mot.txt'
    """
    if target == _STDOUT:
        if kind == "video":
            raise ConfigError("--video: the annotated video cannot go to the standard output")
        return target
    safe = _safe(name)
    path = Path(target).expanduser()
    if _PLACEHOLDER in target:
        return str(path).replace(_PLACEHOLDER, safe)
    if target.endswith("/") or path.is_dir():
        return str(path / f"{safe}{FILE_SINKS[kind]}")
    if not several:
        return str(path)
    if path.suffix:
        raise ConfigError(
            f"--{kind} {target}: there are several sources, so name a folder or use {{name}}, "
            "to give each an output of its own"
        )
    return str(path / f"{safe}{FILE_SINKS[kind]}")


def make_sinks(config: Config, *, name: str, live: bool, several: bool = False) -> list[Sink]:
    """Make the outputs of one source, ready to be opened: files, webhook and broker.

    What a live source writes to files and pipes goes through a queue (`BackgroundSink`), so that
    none of them ever holds it up. Folders of outputs are made where they are missing, if the
    settings name folders or use ``{name}``. The live window and the metrics are made elsewhere,
    since they belong to no source or to all.

    Args:
        config: The settings.
        name: What the source is called in paths, topics and messages.
        live: Whether the source goes on in real time.
        several: Whether there are other sources with the same settings.

    Raises:
        ConfigError: A setting cannot be used.
        SinkError: A folder cannot be made.
        MissingExtraError: A package that an output needs is not installed.

    Example:
        >>> make_sinks(Config(csv="results.csv"), name="door", live=False)
        [CsvSink('results.csv')]
    """
    targets = [(kind, target) for kind in FILE_SINKS if (target := getattr(config, kind))]
    sinks = [_file_sink(config, kind, t, name, live, several) for kind, t in targets]
    return [*sinks, *_message_sinks(config, name)]


def _file_sink(
    config: Config, kind: str, target: str, name: str, live: bool, several: bool
) -> Sink:
    path = output_path(kind, target, name, several=several)
    if path == _STDOUT and several and kind != "jsonl":
        raise ConfigError(
            f"--{kind} -: several sources cannot share the standard output but for JSON lines; "
            "name a folder"
        )
    if path != _STDOUT and path != str(Path(target).expanduser()):
        _make_folder(Path(path).parent)
    settings = config.outputs
    if kind == "video":
        if settings.segment_seconds is None:
            return VideoSink(path, crf=settings.crf, preset=settings.preset)
        return SegmentedVideoSink(
            path,
            segment_seconds=settings.segment_seconds,
            keep_files=settings.keep_files,
            crf=settings.crf,
            preset=settings.preset,
        )
    rotates = settings.rotate_mb is not None or settings.rotate_seconds is not None
    if kind == "jsonl" and path == _STDOUT:
        sink: Sink = JsonlSink(path, name=name if several else None)
    elif kind == "jsonl" and rotates:
        sink = RotatingJsonlSink(
            path,
            max_bytes=round(settings.rotate_mb * 1e6) if settings.rotate_mb else None,
            max_seconds=settings.rotate_seconds,
            keep_files=settings.keep_files,
        )
    else:
        sink = file_sink(kind, path)
    if not live:
        return sink
    return BackgroundSink(sink, buffer_items=settings.buffer_results, with_pictures=False)


def _message_sinks(config: Config, name: str) -> list[Sink]:
    settings = config.outputs

    def spool(kind: str) -> Path | None:
        return None if settings.spool is None else Path(settings.spool) / _safe(name) / kind

    spool_bytes = round(settings.spool_mb * 1e6)
    sinks: list[Sink] = []
    if config.webhook is not None:
        sinks.append(
            WebhookSink(
                config.webhook,
                name=name,
                headers=settings.webhook_headers,
                timeout=settings.send_timeout,
                update_seconds=settings.update_seconds,
                spool=spool("webhook"),
                spool_bytes=spool_bytes,
            )
        )
    if config.mqtt is not None:
        sinks.append(
            MqttSink(
                config.mqtt,
                name=name,
                timeout=settings.send_timeout,
                update_seconds=settings.update_seconds,
                spool=spool("mqtt"),
                spool_bytes=spool_bytes,
            )
        )
    return sinks


def _safe(name: str) -> str:
    """A name that a file may have: no separators, nothing hidden, never empty."""
    return re.sub(r'[\x00-\x1f/\\:*?"<>|]+', "_", name).strip("._ ") or "source"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"cannot make the folder '{folder}': {error.strerror or error}") from error
