"""Eviction policies: which frames a stream remembers. One small class a file."""

from vidcache.cache.eviction.base import EvictionPolicy, policy_from_dict, register_policy
from vidcache.cache.eviction.composed import Composed
from vidcache.cache.eviction.heavy_hitter import HeavyHitter
from vidcache.cache.eviction.least_novel import LeastNovel
from vidcache.cache.eviction.least_recently_attended import LeastRecentlyAttended
from vidcache.cache.eviction.log_spaced import LogSpaced
from vidcache.cache.eviction.pinned_frames import PinnedFrames
from vidcache.cache.eviction.scored import FrameRecords, ScoredPolicy
from vidcache.cache.eviction.sink_window import SinkWindow
from vidcache.cache.eviction.sliding_window import SlidingWindow
from vidcache.cache.eviction.time_window import TimeWindow

__all__ = [
    "Composed",
    "EvictionPolicy",
    "FrameRecords",
    "HeavyHitter",
    "LeastNovel",
    "LeastRecentlyAttended",
    "LogSpaced",
    "PinnedFrames",
    "ScoredPolicy",
    "SinkWindow",
    "SlidingWindow",
    "TimeWindow",
    "policy_from_dict",
    "register_policy",
]
