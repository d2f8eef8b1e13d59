"""The camera head: rotary time, attention to history, refinement passes."""

from vidcache.head.camera_head import CameraHead
from vidcache.head.config import HeadConfig
from vidcache.head.narrow_weights import with_fp16_weights, with_int8_weights
from vidcache.head.refinement import HeadOutput
from vidcache.head.sizing import Plan, plan

__all__ = [
    "CameraHead",
    "HeadConfig",
    "HeadOutput",
    "Plan",
    "plan",
    "with_fp16_weights",
    "with_int8_weights",
]
