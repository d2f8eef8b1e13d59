"""The bounded memory of a camera head: slot table, visibility, eviction, storage, state."""

from vidcache.cache.eviction import (
    EvictionPolicy,
    SinkWindow,
    SlidingWindow,
    TimeWindow,
    policy_from_dict,
    register_policy,
)
from vidcache.cache.layout import CacheLayout
from vidcache.cache.slots import SlotPlan, SlotTable
from vidcache.cache.state import HeadState
from vidcache.cache.stats import CacheStats
from vidcache.cache.storage import DenseStorage
from vidcache.cache.visibility import FrameTimes, visible

__all__ = [
    "CacheLayout",
    "CacheStats",
    "DenseStorage",
    "EvictionPolicy",
    "FrameTimes",
    "HeadState",
    "SinkWindow",
    "SlidingWindow",
    "SlotPlan",
    "SlotTable",
    "TimeWindow",
    "policy_from_dict",
    "register_policy",
    "visible",
]
