"""Measurements of the whole program: against what a user would write, and as it grows."""

from vidcache.bench.pipeline import Comparison, Job, Run, compare

__all__ = ["Comparison", "Job", "Run", "compare"]
