"""The scale of a frame and head, from its largest number."""

import torch
from torch import Tensor

__all__ = ["scaled_to"]


def scaled_to(largest: float, frames: Tensor) -> tuple[Tensor, Tensor]:
    """Scales each frame and head so that its largest number is the largest of a format.

    Args:
        largest: The largest number that the format holds.
        frames: (…, N, hd).

    Returns:
        The scaled numbers, float32 (…, N, hd), within ``±largest`` up to rounding; and what to
        multiply them by to have the frames again, float32 (…).
    """
    frames = frames.float()
    peaks = frames.abs().amax(dim=(-2, -1))
    # Never below the smallest normal number: frames of zeros or denormals must not divide by 0.
    scales = (peaks / largest).clamp_(min=torch.finfo(torch.float32).tiny)
    return frames / scales[..., None, None], scales
