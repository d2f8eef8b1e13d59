"""Outputs: results as JSON lines and annotated video, a live window, the drawing on frames."""

from vidcache.video.sinks.jsonl import JsonlSink, records_from_result
from vidcache.video.sinks.mp4_writer import Mp4Writer
from vidcache.video.sinks.overlay import Overlay
from vidcache.video.sinks.recording import Recording, iter_records, read_jsonl
from vidcache.video.sinks.sink import Sink
from vidcache.video.sinks.video_sink import VideoSink
from vidcache.video.sinks.window_sink import WindowSink

__all__ = [
    "JsonlSink",
    "Mp4Writer",
    "Overlay",
    "Recording",
    "Sink",
    "VideoSink",
    "WindowSink",
    "iter_records",
    "read_jsonl",
    "records_from_result",
]
