"""The bounded memory of a camera head: slot table, visibility, eviction, storage, state."""

from vidcache.cache.archive import Archive, ArchiveConfig, ArchiveStats
from vidcache.cache.dense_storage import DenseStorage
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
from vidcache.cache.formats import (
    EncodedFrames,
    KeyValueFormats,
    StorageFormat,
    format_from_name,
    register_format,
)
from vidcache.cache.frame_times import FrameTimes
from vidcache.cache.layout import CacheLayout
from vidcache.cache.paged import BlockPool, PagedStorage, PoolStats
from vidcache.cache.prefix import PrefixBlock, PrefixCache, PrefixMatch, PrefixStats
from vidcache.cache.slot_plan import SlotPlan
from vidcache.cache.slots import SlotTable
from vidcache.cache.state import HeadState
from vidcache.cache.stats import CacheStats
from vidcache.cache.storage import Storage
from vidcache.cache.visibility import visible

__all__ = [
    "Archive",
    "ArchiveConfig",
    "ArchiveStats",
    "BlockPool",
    "CacheLayout",
    "CacheStats",
    "Composed",
    "DenseStorage",
    "EncodedFrames",
    "EvictionPolicy",
    "FrameRecords",
    "FrameTimes",
    "HeadState",
    "HeavyHitter",
    "KeyValueFormats",
    "LeastNovel",
    "LeastRecentlyAttended",
    "LogSpaced",
    "PagedStorage",
    "PinnedFrames",
    "PoolStats",
    "PrefixBlock",
    "PrefixCache",
    "PrefixMatch",
    "PrefixStats",
    "ScoredPolicy",
    "SinkWindow",
    "SlidingWindow",
    "SlotPlan",
    "SlotTable",
    "Storage",
    "StorageFormat",
    "TimeWindow",
    "format_from_name",
    "policy_from_dict",
    "register_format",
    "register_policy",
    "visible",
]
