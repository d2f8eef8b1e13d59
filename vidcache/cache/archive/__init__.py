"""Frames that left the window, in host memory and on disk, and how they come back."""

from vidcache.cache.archive.archive import Archive
from vidcache.cache.archive.config import ArchiveConfig
from vidcache.cache.archive.retrieval import Retrieval
from vidcache.cache.archive.stats import ArchiveStats

__all__ = ["Archive", "ArchiveConfig", "ArchiveStats", "Retrieval"]
