"""Known beginnings of streams, in memory and on disk."""

from vidcache.cache.prefix.block import PrefixBlock, PrefixMatch
from vidcache.cache.prefix.content_hash import chain
from vidcache.cache.prefix.prefix_cache import PrefixCache
from vidcache.cache.prefix.stats import PrefixStats

__all__ = ["PrefixBlock", "PrefixCache", "PrefixMatch", "PrefixStats", "chain"]
