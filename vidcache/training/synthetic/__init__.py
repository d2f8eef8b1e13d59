"""Synthetic video of people in action, labelled frame by frame.

Captured and procedural motions are played by figures of capsules before random cameras. Only
drawing (OpenCV) and the data files of ``pybullet`` are needed.
"""

from vidcache.training.synthetic.actions import LABELS
from vidcache.training.synthetic.clips import Clip, ClipSettings, draw_clip
from vidcache.training.synthetic.skeleton import KEYPOINTS
from vidcache.training.synthetic.splits import SPLITS, Split, SplitName
from vidcache.training.synthetic.stream import FigureView, SyntheticFrame, SyntheticStream

__all__ = [
    "KEYPOINTS",
    "LABELS",
    "SPLITS",
    "Clip",
    "ClipSettings",
    "FigureView",
    "Split",
    "SplitName",
    "SyntheticFrame",
    "SyntheticStream",
    "draw_clip",
]
