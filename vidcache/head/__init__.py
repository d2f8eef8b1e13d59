"""The camera head: rotary time, attention to history, refinement passes."""

from vidcache.head.camera_head import CameraHead, HeadOutput
from vidcache.head.config import HeadConfig

__all__ = ["CameraHead", "HeadConfig", "HeadOutput"]
