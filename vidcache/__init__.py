"""vidcache: streaming video understanding."""
