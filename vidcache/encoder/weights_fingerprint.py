"""Names of weights by their values, however they are stored."""

import hashlib
from collections.abc import Mapping

import torch

__all__ = ["weights_fingerprint"]


def weights_fingerprint(weights: Mapping[str, torch.Tensor]) -> str:
    """Names weights by their values, rounded to float16.

    Copies of the same weights in float32 and in float16 have the same name. Take the weights of a
    ViT as they were published (`read_vit_weights`): a position embedding that was resampled for
    pictures of another size is another tensor.

    Args:
        weights: Tensors by name.

    Returns:
        SHA-256 in hexadecimal.

    Example:
        >>> import torch
        >>> from vidcache.encoder import weights_fingerprint
        >>> weights = {"norm.weight": torch.rand(8)}
        >>> halves = {"norm.weight": weights["norm.weight"].half()}
        >>> weights_fingerprint(weights) == weights_fingerprint(halves)
        True
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tuple(tensor.shape)}\0".encode())
        # Adding nought makes the two zeros one, which some ways of storing weights do as well.
        halves = tensor.detach().cpu().to(torch.float16) + 0.0
        digest.update(halves.contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
