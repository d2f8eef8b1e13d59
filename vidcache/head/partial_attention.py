"""Attention to a part of the keys, and how parts are merged into attention to all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["PartialAttention", "attend_partially", "merge_attention"]


@dataclass(frozen=True, eq=False)
class PartialAttention:
    """What queries get from some of their keys, and how much these keys weigh.

    Attributes:
        out: Mean of the values, weighted by attention among these keys, (…, Q, hd); zeros where
            a query sees none of them.
        log_sum: Log-sum-exp of the scores, (…, Q, 1); -inf where a query sees none of them.
    """

    out: Tensor
    log_sum: Tensor


def attend_partially(
    query: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None
) -> PartialAttention:
    """Attends to some keys.

    Args:
        query: Queries, (…, Q, hd).
        keys: Keys, (…, K, hd); K may be 0.
        values: Their values.
        bias: What is added to the scores, broadcast to (…, Q, K), or None; -inf hides a key.

    Returns:
        The partial attention, in float32 or wider.
    """
    scores = query @ keys.transpose(-2, -1)
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32)) * query.shape[-1] ** -0.5
    if bias is not None:
        scores = scores + bias
    log_sum = scores.logsumexp(dim=-1, keepdim=True)
    # A query that sees nothing has weights exp(-inf - 0) = 0, where -inf less -inf is no number.
    weights = (scores - log_sum.clamp_min(torch.finfo(scores.dtype).min)).exp_()
    return PartialAttention(weights.to(values.dtype) @ values, log_sum)


def merge_attention(parts: Sequence[PartialAttention]) -> PartialAttention:
    """Merges attention to parts of the keys into attention to all of them, exactly.

    Args:
        parts: One or more, no key in two of them, of the same shapes.

    Returns:
        The attention to the keys of all parts together.

    Example:
        >>> import torch
        >>> from vidcache.head.partial_attention import attend_partially, merge_attention
        >>> query, keys, values = torch.randn(3, 1, 10, 4, dtype=torch.float64)
        >>> parts = [attend_partially(query, keys[:, part], values[:, part], None)
        ...          for part in (slice(0, 7), slice(7, 10))]
        >>> whole = attend_partially(query, keys, values, None)
        >>> torch.allclose(merge_attention(parts).out, whole.out)
        True

    Source:
        Merging by log-sum-exp is that of ``merge_state`` in FlashInfer, and of flash attention.
    """
    log_sums = torch.stack([part.log_sum for part in parts])
    log_sum = log_sums.logsumexp(dim=0)
    shares = (log_sums - log_sum.clamp_min(torch.finfo(log_sum.dtype).min)).exp_()
    out = torch.zeros_like(parts[0].out, dtype=log_sum.dtype)
    for share, part in zip(shares, parts, strict=True):
        out = out.addcmul_(share, part.out.to(out.dtype))
    return PartialAttention(out, log_sum)
