"""How good scores are: frame by frame, segment by segment, start by start.

Everything takes NumPy arrays and gives numbers from 0 to 1. The definitions are those of online
action detection and of action segmentation; each function names its own.
"""

from vidcache.training.metrics.average_precision import (
    average_precision,
    calibrated_average_precision,
    mean_average_precision,
    mean_calibrated_average_precision,
)
from vidcache.training.metrics.frame_metrics import (
    FrameMetrics,
    confusion_matrix,
    frame_accuracy,
    frame_metrics,
    shown_labels,
)
from vidcache.training.metrics.precision_recall import PrecisionRecallCurve, precision_recall_curve
from vidcache.training.metrics.reliability import Reliability, reliability
from vidcache.training.metrics.said_labels import Activation, said_labels
from vidcache.training.metrics.segments import (
    LabelSegment,
    SegmentCounts,
    edit_score,
    label_segments,
    segment_counts,
    segmental_f1,
)
from vidcache.training.metrics.starts import (
    DetectedStart,
    StartMetrics,
    detect_starts,
    start_metrics,
    true_starts,
)

__all__ = [
    "Activation",
    "DetectedStart",
    "FrameMetrics",
    "LabelSegment",
    "PrecisionRecallCurve",
    "Reliability",
    "SegmentCounts",
    "StartMetrics",
    "average_precision",
    "calibrated_average_precision",
    "confusion_matrix",
    "detect_starts",
    "edit_score",
    "frame_accuracy",
    "frame_metrics",
    "label_segments",
    "mean_average_precision",
    "mean_calibrated_average_precision",
    "precision_recall_curve",
    "reliability",
    "said_labels",
    "segment_counts",
    "segmental_f1",
    "shown_labels",
    "start_metrics",
    "true_starts",
]
