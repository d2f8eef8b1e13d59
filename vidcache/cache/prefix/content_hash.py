"""Chained content hashes: one name for everything that a stream has shown up to a frame."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

__all__ = ["chain", "chain_start"]

_DIGEST_BYTES = 20


def chain_start(*parts: str) -> str:
    """Begins a chain.

    Args:
        *parts: What fixes the results besides the content: fingerprints, settings.

    Returns:
        The hash of a stream that has shown nothing yet, in hexadecimal.
    """
    digest = hashlib.sha256()
    for part in parts:
        text = part.encode()
        digest.update(len(text).to_bytes(8, "little"))
        digest.update(text)
    return digest.digest()[:_DIGEST_BYTES].hex()


def chain(previous: str, content: Tensor | memoryview | bytes, note: str = "") -> str:
    """Adds a frame to a chain.

    Equal hashes mean equal beginnings: the same start, and frames of the same content, type and
    shape in the same order.

    Args:
        previous: Hash of the frames before, or what :func:`chain_start` gave.
        content: The frame: pixels or features. A memory view must be contiguous.
        note: What else belongs to the frame, such as its time.

    Returns:
        The hash of the frames so far, in hexadecimal.

    Example:
        >>> import torch
        >>> from vidcache.cache.prefix.content_hash import chain, chain_start
        >>> first = chain(chain_start("weights"), torch.zeros(4))
        >>> chain(first, torch.ones(4)) == chain(first, torch.ones(4, dtype=torch.float64))
        False

    Source:
        Hashing a block together with the hash of what is before it is how vLLM finds equal
        prefixes. SHA-256 because processors compute it in hardware, and pictures are large.
    """
    digest = hashlib.sha256()
    if isinstance(content, Tensor):
        kind = f"{content.dtype} {tuple(content.shape)}"
        raw = content.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
    elif isinstance(content, memoryview):
        kind, raw = f"{content.format} {content.shape}", content
    else:
        kind, raw = "bytes", content
    digest.update(f"{previous} {kind} {note}\0".encode())
    digest.update(raw)
    return digest.digest()[:_DIGEST_BYTES].hex()
