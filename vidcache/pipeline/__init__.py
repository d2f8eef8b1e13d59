"""From a source to results: reader, encoder, head, tracker, events, sinks."""

from vidcache.pipeline.channel import UNSURE, Feed
from vidcache.pipeline.events import EventDetector
from vidcache.pipeline.gap_policy import GapAction, GapPolicy, StreamSeconds
from vidcache.pipeline.gaps import GapDetector
from vidcache.pipeline.loading import open_watched, resolve_device, wait_for_start
from vidcache.pipeline.object_models import ObjectModels
from vidcache.pipeline.pipeline import Pipeline
from vidcache.pipeline.summary import RunSummary
from vidcache.pipeline.timer import StageTime
from vidcache.pipeline.watch import watch

__all__ = [
    "UNSURE",
    "EventDetector",
    "Feed",
    "GapAction",
    "GapDetector",
    "GapPolicy",
    "ObjectModels",
    "Pipeline",
    "RunSummary",
    "StageTime",
    "StreamSeconds",
    "open_watched",
    "resolve_device",
    "wait_for_start",
    "watch",
]
