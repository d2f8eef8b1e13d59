"""How good a model is on labelled videos, and how well objects are followed."""

from vidcache.training.evaluation.frames import evaluate, judge
from vidcache.training.evaluation.result import Evaluation
from vidcache.training.evaluation.streaming import clip_scores, stream_scores
from vidcache.training.evaluation.tracks import TrackQuality, track_quality

__all__ = [
    "Evaluation",
    "TrackQuality",
    "clip_scores",
    "evaluate",
    "judge",
    "stream_scores",
    "track_quality",
]
