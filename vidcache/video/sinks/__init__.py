"""Outputs: results as text, tables and annotated video, a live window, the drawing on frames."""

from vidcache.video.sinks.background import BackgroundSink
from vidcache.video.sinks.configured import make_sinks, output_path
from vidcache.video.sinks.csv_sink import CsvSink
from vidcache.video.sinks.file_sinks import FILE_SINKS, file_sink
from vidcache.video.sinks.jsonl import JsonlSink
from vidcache.video.sinks.metrics import MetricsServer
from vidcache.video.sinks.mot import MotSink
from vidcache.video.sinks.mp4_writer import Mp4Writer
from vidcache.video.sinks.mqtt import MqttSink
from vidcache.video.sinks.overlay import Overlay
from vidcache.video.sinks.parquet import ParquetSink
from vidcache.video.sinks.recording import Recording, iter_records, read_jsonl
from vidcache.video.sinks.records import records_from_result
from vidcache.video.sinks.rotating_jsonl import RotatingJsonlSink
from vidcache.video.sinks.segmented_video import SegmentedVideoSink
from vidcache.video.sinks.sink import Sink
from vidcache.video.sinks.video_sink import VideoSink
from vidcache.video.sinks.webhook import WebhookSink
from vidcache.video.sinks.webvtt import WebVttSink
from vidcache.video.sinks.window_sink import WindowSink

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
    "Recording",
    "RotatingJsonlSink",
    "SegmentedVideoSink",
    "Sink",
    "VideoSink",
    "WebVttSink",
    "WebhookSink",
    "WindowSink",
    "file_sink",
    "iter_records",
    "make_sinks",
    "output_path",
    "read_jsonl",
    "records_from_result",
]
