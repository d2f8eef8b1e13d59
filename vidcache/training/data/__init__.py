"""Data sets: which videos there are, what they show and when, and which are for training."""

from vidcache.training.data.dataset import (
    SPLITS,
    ActionDataset,
    LabelledVideo,
    Segment,
    SplitName,
)
from vidcache.training.data.frame_arrays import read_arrays
from vidcache.training.data.frame_targets import frame_targets, ignore_mask
from vidcache.training.data.reading import load_dataset

__all__ = [
    "SPLITS",
    "ActionDataset",
    "LabelledVideo",
    "Segment",
    "SplitName",
    "frame_targets",
    "ignore_mask",
    "load_dataset",
    "read_arrays",
]
