"""What names the features of an encoder to the bit."""

import hashlib
import json

from vidcache.encoder.frame_encoder import FrameEncoder
from vidcache.runtime import describe_arithmetic

__all__ = ["exact_fingerprint"]


def exact_fingerprint(encoder: FrameEncoder) -> str:
    """Names what an encoder computes on this machine: equal names, equal bits.

    Another processor, or another version of a package that computes, rounds in another way.

    Args:
        encoder: Only looked at.

    Returns:
        SHA-256 in hexadecimal over the encoder's fingerprint, its device and the arithmetic.
    """
    where = json.dumps(describe_arithmetic(), sort_keys=True)
    text = f"{encoder.fingerprint()} {encoder.device} {where}"
    return hashlib.sha256(text.encode()).hexdigest()
