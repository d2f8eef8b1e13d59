"""Video in and out: sources, results as JSON lines, annotated video, the drawing on frames.

The only package that imports PyAV and OpenCV, and only once they are used.
"""

from vidcache.video.backoff import ReconnectPolicy
from vidcache.video.locations import expand_sources, hide_credentials
from vidcache.video.opening import open_source
from vidcache.video.scene_cuts import SceneCutDetector
from vidcache.video.sinks import (
    FILE_SINKS,
    BackgroundSink,
    CsvSink,
    JsonlSink,
    MetricsServer,
    MotSink,
    Mp4Writer,
    MqttSink,
    Overlay,
    ParquetSink,
    Recording,
    RotatingJsonlSink,
    SegmentedVideoSink,
    Sink,
    VideoSink,
    WebhookSink,
    WebVttSink,
    WindowSink,
    file_sink,
    iter_records,
    make_sinks,
    read_jsonl,
    records_from_result,
)
from vidcache.video.source import Source
from vidcache.video.source_status import SourceState, SourceStatus

__all__ = [
    "FILE_SINKS",
    "BackgroundSink",
    "CsvSink",
    "JsonlSink",
    "MetricsServer",
    "MotSink",
    "Mp4Writer",
    "MqttSink",
    "Overlay",
    "ParquetSink",
    "ReconnectPolicy",
    "Recording",
    "RotatingJsonlSink",
    "SceneCutDetector",
    "SegmentedVideoSink",
    "Sink",
    "Source",
    "SourceState",
    "SourceStatus",
    "VideoSink",
    "WebVttSink",
    "WebhookSink",
    "WindowSink",
    "expand_sources",
    "file_sink",
    "hide_credentials",
    "iter_records",
    "make_sinks",
    "open_source",
    "read_jsonl",
    "records_from_result",
]
