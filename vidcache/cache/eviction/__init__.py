"""Eviction policies: which frames a stream remembers. One small class a file."""

from vidcache.cache.eviction.base import EvictionPolicy, policy_from_dict, register_policy
from vidcache.cache.eviction.sink_window import SinkWindow
from vidcache.cache.eviction.sliding_window import SlidingWindow
from vidcache.cache.eviction.time_window import TimeWindow

__all__ = [
    "EvictionPolicy",
    "SinkWindow",
    "SlidingWindow",
    "TimeWindow",
    "policy_from_dict",
    "register_policy",
]
