"""Many files: worker processes or a Ray cluster, whole outputs, and an account of every file."""

from vidcache.batch.batch import Batch
from vidcache.batch.inputs import InputFile, Shard, collect_inputs
from vidcache.batch.options import BatchOptions
from vidcache.batch.progress import BatchProgress, BatchReport, FileError

__all__ = [
    "Batch",
    "BatchOptions",
    "BatchProgress",
    "BatchReport",
    "FileError",
    "InputFile",
    "Shard",
    "collect_inputs",
]
