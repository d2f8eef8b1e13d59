"""One pool of blocks for many streams: block tables, reference counts, copy on write."""

from vidcache.cache.paged.pool import BlockPool
from vidcache.cache.paged.pool_stats import PoolStats
from vidcache.cache.paged.storage import PagedStorage

__all__ = ["BlockPool", "PagedStorage", "PoolStats"]
