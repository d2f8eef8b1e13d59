"""Where labels come from: a module a format, and which of them a file is."""

from vidcache.training.data.formats.reading import read_annotations

__all__ = ["read_annotations"]
