"""The bounded memory of a camera head: slot table, visibility, eviction, storage, state."""

from vidcache.cache.eviction import (
    Composed,
    EvictionPolicy,
    FrameRecords,
    HeavyHitter,
    LeastNovel,
    LeastRecentlyAttended,
    LogSpaced,
    PinnedFrames,
    ScoredPolicy,
    SinkWindow,
    SlidingWindow,
    TimeWindow,
    policy_from_dict,
    register_policy,
)
from vidcache.cache.frame_times import FrameTimes
from vidcache.cache.layout import CacheLayout
from vidcache.cache.prefix import PrefixCache
from vidcache.cache.prefix_block import PrefixBlock, PrefixMatch
from vidcache.cache.prefix_stats import PrefixStats
from vidcache.cache.slots import SlotPlan, SlotTable
from vidcache.cache.state import HeadState
from vidcache.cache.stats import CacheStats
from vidcache.cache.storage import DenseStorage
from vidcache.cache.visibility import visible

__all__ = [
    "CacheLayout",
    "CacheStats",
    "Composed",
    "DenseStorage",
    "EvictionPolicy",
    "FrameRecords",
    "FrameTimes",
    "HeadState",
    "HeavyHitter",
    "LeastNovel",
    "LeastRecentlyAttended",
    "LogSpaced",
    "PinnedFrames",
    "PrefixBlock",
    "PrefixCache",
    "PrefixMatch",
    "PrefixStats",
    "ScoredPolicy",
    "SinkWindow",
    "SlidingWindow",
    "SlotPlan",
    "SlotTable",
    "TimeWindow",
    "policy_from_dict",
    "register_policy",
    "visible",
]
