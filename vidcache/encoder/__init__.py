"""The ViT patch encoder: uint8 pictures in, feature tokens out.

Importing this package loads torch only; timm is loaded when a :class:`FrameEncoder` is built.
"""

from vidcache.encoder.frame_encoder import FrameEncoder
from vidcache.encoder.precision import Precision, choose_precision
from vidcache.encoder.preprocessing import Preprocessing
from vidcache.encoder.tokens import TokenLayout

__all__ = ["FrameEncoder", "Precision", "Preprocessing", "TokenLayout", "choose_precision"]
