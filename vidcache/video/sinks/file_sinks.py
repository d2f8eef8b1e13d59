"""Every kind of file that results are written to, by name."""

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType

from vidcache.errors import ConfigError
from vidcache.video.sinks.csv_sink import CsvSink
from vidcache.video.sinks.jsonl import JsonlSink
from vidcache.video.sinks.mot import MotSink
from vidcache.video.sinks.parquet import ParquetSink
from vidcache.video.sinks.sink import Sink
from vidcache.video.sinks.video_sink import VideoSink
from vidcache.video.sinks.webvtt import WebVttSink

__all__ = ["FILE_SINKS", "file_sink"]

_MAKERS: Mapping[str, tuple[str, Callable[[str], Sink]]] = {
    "jsonl": (".jsonl", JsonlSink),
    "video": (".mp4", VideoSink),
    "mot": (".mot.txt", MotSink),
    "csv": (".csv", CsvSink),
    "parquet": (".parquet", ParquetSink),
    "webvtt": (".vtt", WebVttSink),
}

FILE_SINKS: Mapping[str, str] = MappingProxyType({kind: made[0] for kind, made in _MAKERS.items()})
"""The usual ending of each kind of file."""


def file_sink(kind: str, path: str | os.PathLike[str]) -> Sink:
    """Make the sink that writes one file.

    Args:
        kind: One of `FILE_SINKS`.
        path: The file, whatever its ending; it is replaced if it exists. A video of no frames
            leaves no file.

    Raises:
        ConfigError: There is no such kind.
        MissingExtraError: A package that this kind needs is not installed.

    Example:
        >>> file_sink("csv", "results.csv.part")
        CsvSink('results.csv.part')
    """
    if kind not in _MAKERS:
        raise ConfigError(f"there is no output {kind!r}: expected one of {', '.join(_MAKERS)}")
    return _MAKERS[kind][1](os.fspath(path))
