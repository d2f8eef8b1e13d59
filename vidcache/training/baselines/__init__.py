"""What a camera head is compared with: the same frozen features without it."""

from vidcache.training.baselines.frame_baseline import FrameBaseline
from vidcache.training.baselines.gru_baseline import GruBaseline
from vidcache.training.baselines.last_frames import LastFrames
from vidcache.training.baselines.rivals import train_rival

__all__ = ["FrameBaseline", "GruBaseline", "LastFrames", "train_rival"]
