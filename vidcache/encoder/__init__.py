"""The ViT patch encoder: uint8 pictures in, feature tokens out.

Importing this package loads torch only; timm is loaded when a :class:`FrameEncoder` is built.
"""

from vidcache.encoder.frame_encoder import FrameEncoder
from vidcache.encoder.precision import Precision, choose_precision
from vidcache.encoder.preprocessing import Preprocessing
from vidcache.encoder.reuse_state import ReuseState
from vidcache.encoder.token_reuse import ReusingEncoder
from vidcache.encoder.tokens import TokenLayout
from vidcache.encoder.weights import read_vit_weights
from vidcache.encoder.weights_fingerprint import weights_fingerprint

__all__ = [
    "FrameEncoder",
    "Precision",
    "Preprocessing",
    "ReuseState",
    "ReusingEncoder",
    "TokenLayout",
    "choose_precision",
    "read_vit_weights",
    "weights_fingerprint",
]
