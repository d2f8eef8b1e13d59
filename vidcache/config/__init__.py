"""Validated settings of a run: from a YAML file, from flags, or from Python.

A file holds any of the keys of `Config`; what it leaves out keeps its default, and an unknown
key is refused with the nearest valid name. `configs/default.yaml` lists every key.
"""

from vidcache.config.encoder import (
    REFRESH_EVERY,
    REUSE_GATE,
    EncoderSettings,
    FeatureCacheSettings,
)
from vidcache.config.events import EventSettings
from vidcache.config.gaps import GapSettings
from vidcache.config.live import LiveSettings, ReconnectSettings
from vidcache.config.loading import CLEARED, load_config, override
from vidcache.config.objects import ObjectSettings
from vidcache.config.outputs import OutputSettings
from vidcache.config.read import ReadSettings
from vidcache.config.settings import Config
from vidcache.config.track import TrackSettings

__all__ = [
    "CLEARED",
    "REFRESH_EVERY",
    "REUSE_GATE",
    "Config",
    "EncoderSettings",
    "EventSettings",
    "FeatureCacheSettings",
    "GapSettings",
    "LiveSettings",
    "ObjectSettings",
    "OutputSettings",
    "ReadSettings",
    "ReconnectSettings",
    "TrackSettings",
    "load_config",
    "override",
]
