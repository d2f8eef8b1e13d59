# pyright: basic
"""Whether token reuse is faster here than the encoder itself: of small networks it is not."""

from collections.abc import Callable

import numpy as np
import torch

from vidcache.encoder.frame_encoder import FrameEncoder
from vidcache.encoder.reuse_state import ReuseState
from vidcache.encoder.token_reuse import ReusingEncoder
from vidcache.runtime import Choice, choose_fastest

__all__ = ["WHOLE", "choose_reuse"]

WHOLE = "whole"
"""The answer where pictures are computed whole in less time."""

_NUM_FRAMES = 8
# One thirty-second of a picture moves: a person on a square.
_MOVING_PART = 32


def choose_reuse(encoder: FrameEncoder, reusing: ReusingEncoder, gate: float) -> Choice:
    """Times a still camera's pictures, in which a small part moves, both ways.

    The answer is remembered as that about the engine is.

    Args:
        encoder: The encoder, which computes whole pictures with its engine.
        reusing: The same, computing what changes.
        gate: Its gate.

    Returns:
        :data:`WHOLE` or ``"reuse"``, and why.
    """
    question = {
        "reuse": gate,
        "network": encoder.name,
        "arguments": encoder.model_args,
        "image_size": encoder.image_size,
        "precision": encoder.precision.name,
        "engine": encoder.engine.name,
        "device": encoder.device.type,
    }
    frames = _still_camera(*encoder.image_size)

    def compute_whole() -> Callable[[], object]:
        return lambda: encoder(frames)

    def compute_changes() -> Callable[[], object]:
        state = ReuseState()
        return lambda: reusing([frames], [state])

    return choose_fastest(question, {WHOLE: compute_whole, "reuse": compute_changes})


def _still_camera(height: int, width: int) -> np.ndarray:
    generator = torch.Generator().manual_seed(0)
    picture = torch.randint(0, 256, (height, width, 3), generator=generator, dtype=torch.uint8)
    frames = picture.expand(_NUM_FRAMES, -1, -1, -1).clone()
    side = max(1, int((height * width / _MOVING_PART) ** 0.5))
    for number, frame in enumerate(frames):
        at = number * min(height, width) // (4 * _NUM_FRAMES)
        frame[at : at + side, at : at + side] = 255 - frame[at : at + side, at : at + side]
    return frames.numpy()
