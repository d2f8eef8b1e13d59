"""From a source to results: reader, encoder, head, tracker, events, sinks."""

from vidcache.pipeline.events import EventDetector
from vidcache.pipeline.gap_policy import GapAction, GapPolicy, StreamSeconds
from vidcache.pipeline.gaps import GapDetector
from vidcache.pipeline.loading import resolve_device
from vidcache.pipeline.pipeline import Pipeline
from vidcache.pipeline.run import UNSURE
from vidcache.pipeline.summary import RunSummary
from vidcache.pipeline.timer import StageTime
from vidcache.pipeline.watch import watch

__all__ = [
    "UNSURE",
    "EventDetector",
    "GapAction",
    "GapDetector",
    "GapPolicy",
    "Pipeline",
    "RunSummary",
    "StageTime",
    "StreamSeconds",
    "resolve_device",
    "watch",
]
