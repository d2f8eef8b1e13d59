"""Watches video and says, frame by frame, what is being done and by whom.

`watch` labels a camera or a file in one call; `CameraHead` is the causal temporal head with its
key-value cache, for use inside any vision model. Names are loaded when they are first used, so
``import vidcache`` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidcache.cache import (
        ArchiveConfig,
        BlockPool,
        Composed,
        EvictionPolicy,
        HeadState,
        HeavyHitter,
        LeastNovel,
        LeastRecentlyAttended,
        LogSpaced,
        PinnedFrames,
        PrefixCache,
        SinkWindow,
        SlidingWindow,
        TimeWindow,
    )
    from vidcache.config import Config, load_config
    from vidcache.encoder import FrameEncoder
    from vidcache.errors import VidcacheError
    from vidcache.frames import (
        ActionScore,
        Discontinuity,
        Event,
        Frame,
        FrameResult,
        LabelChange,
        Track,
    )
    from vidcache.head import CameraHead, HeadConfig, HeadOutput, Plan, plan
    from vidcache.model import ActionModel, TextLabels
    from vidcache.pipeline import Pipeline, watch
    from vidcache.tracking import Detector, Tracker, UltralyticsTracker
    from vidcache.video import JsonlSink, Sink, VideoSink, WindowSink, open_source

    __version__: str

__all__ = [
    "ActionModel",
    "ActionScore",
    "ArchiveConfig",
    "BlockPool",
    "CameraHead",
    "Composed",
    "Config",
    "Detector",
    "Discontinuity",
    "Event",
    "EvictionPolicy",
    "Frame",
    "FrameEncoder",
    "FrameResult",
    "HeadConfig",
    "HeadOutput",
    "HeadState",
    "HeavyHitter",
    "JsonlSink",
    "LabelChange",
    "LeastNovel",
    "LeastRecentlyAttended",
    "LogSpaced",
    "PinnedFrames",
    "Pipeline",
    "Plan",
    "PrefixCache",
    "Sink",
    "SinkWindow",
    "SlidingWindow",
    "TextLabels",
    "TimeWindow",
    "Track",
    "Tracker",
    "UltralyticsTracker",
    "VidcacheError",
    "VideoSink",
    "WindowSink",
    "load_config",
    "open_source",
    "plan",
    "watch",
]

_HOMES = {
    "vidcache.cache": (
        "ArchiveConfig",
        "BlockPool",
        "Composed",
        "EvictionPolicy",
        "HeadState",
        "HeavyHitter",
        "LeastNovel",
        "LeastRecentlyAttended",
        "LogSpaced",
        "PinnedFrames",
        "PrefixCache",
        "SinkWindow",
        "SlidingWindow",
        "TimeWindow",
    ),
    "vidcache.config": ("Config", "load_config"),
    "vidcache.encoder": ("FrameEncoder",),
    "vidcache.errors": ("VidcacheError",),
    "vidcache.frames": (
        "ActionScore",
        "Discontinuity",
        "Event",
        "Frame",
        "FrameResult",
        "LabelChange",
        "Track",
    ),
    "vidcache.head": ("CameraHead", "HeadConfig", "HeadOutput", "Plan", "plan"),
    "vidcache.model": ("ActionModel", "TextLabels"),
    "vidcache.pipeline": ("Pipeline", "watch"),
    "vidcache.tracking": ("Detector", "Tracker", "UltralyticsTracker"),
    "vidcache.video": ("JsonlSink", "Sink", "VideoSink", "WindowSink", "open_source"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = importlib.import_module("importlib.metadata").version("vidcache")
    elif name in _HOME_OF:
        value = getattr(importlib.import_module(_HOME_OF[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
