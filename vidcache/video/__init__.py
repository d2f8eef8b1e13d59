"""Video in and out: sources, results as JSON lines, annotated video, the drawing on frames.

The only package that imports PyAV and OpenCV, and only once they are used.
"""

from vidcache.video.jsonl import JsonlSink, records_from_result
from vidcache.video.locations import expand_sources, hide_credentials
from vidcache.video.mp4_writer import Mp4Writer
from vidcache.video.overlay import Overlay
from vidcache.video.recording import Recording, iter_records, read_jsonl
from vidcache.video.sink import Sink
from vidcache.video.source import Source, open_source
from vidcache.video.video_sink import VideoSink
from vidcache.video.window_sink import WindowSink

__all__ = [
    "JsonlSink",
    "Mp4Writer",
    "Overlay",
    "Recording",
    "Sink",
    "Source",
    "VideoSink",
    "WindowSink",
    "expand_sources",
    "hide_credentials",
    "iter_records",
    "open_source",
    "read_jsonl",
    "records_from_result",
]
