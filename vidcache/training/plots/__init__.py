"""Pictures of an evaluation: curves, confusion, timelines, reliability."""

from vidcache.training.plots.confusion import draw_confusion
from vidcache.training.plots.evaluation_pictures import draw_evaluation
from vidcache.training.plots.precision_recall import draw_precision_recall
from vidcache.training.plots.reliability import draw_reliability
from vidcache.training.plots.timelines import draw_predictions

__all__ = [
    "draw_confusion",
    "draw_evaluation",
    "draw_precision_recall",
    "draw_predictions",
    "draw_reliability",
]
