"""Summaries of archived blocks, by which the best are found without reading any."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vidcache.cache.chosen_rows import ALL_ROWS, ChosenRows

__all__ = ["Summaries", "summarise"]


def summarise(keys: Tensor) -> tuple[Tensor, Tensor]:
    """Summarises the keys of a block, in each lane and head, by two vectors.

    A mean alone hides the one frame that differs from its neighbours, and that is the frame that
    is asked for later. It is kept apart.

    Args:
        keys: (lanes, nh, keys, hd).

    Returns:
        The key that is farthest from the mean, and the mean of the others (zeros if there are
        none), (lanes, nh, hd) each.
    """
    num_keys = keys.shape[2]
    mean = keys.mean(dim=2, keepdim=True)
    distance = (keys - mean).square().sum(dim=3, keepdim=True)
    at = distance.argmax(dim=2, keepdim=True).expand(-1, -1, 1, keys.shape[3])
    outlier = keys.gather(2, at)[:, :, 0]
    others = (keys.sum(dim=2) - outlier) / max(1, num_keys - 1)
    return outlier, others


class Summaries:
    """Summaries of all blocks of all rows, and the search among them.

    A block is as good as the share of attention that it would get: the outlier counts as one key,
    the mean of the others as so many equal ones. The share is taken of the attention to the window
    and to all blocks, so that a head that looks at nothing but the window has no say.

    Args:
        num_lanes: Number of lanes.
        batch_size: Number of rows B.
        num_heads: Attention heads.
        num_places: How many blocks a row may have.
        head_dim: Width of a head.
        num_keys: Keys of a block in one lane and head.
        dtype: Of the summaries.
        device: Where the search takes place.

    Source:
        Retrieval by a summary of each block is that of Xiao et al., "InfLLM", 2024, and Tang et
        al., "Quest", 2024.
    """

    def __init__(
        self,
        num_lanes: int,
        batch_size: int,
        num_heads: int,
        num_places: int,
        head_dim: int,
        *,
        num_keys: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        shape = (num_lanes, batch_size, num_heads, num_places, head_dim)
        with torch.inference_mode(False):
            self._outliers = torch.zeros(shape, dtype=dtype, device=device)
            self._others = torch.zeros(shape, dtype=dtype, device=device)
        self._scale = head_dim**-0.5
        self._weight = math.log(num_keys - 1) if num_keys > 1 else -math.inf

    @property
    def nbytes(self) -> int:
        """Bytes of all summaries, allocated once."""
        return self._outliers.nbytes + self._others.nbytes

    def put(self, row: int, place: int, keys: Tensor) -> None:
        """Takes in a block.

        Args:
            row: Its row.
            place: Its place among the blocks of the row.
            keys: Its keys, (lanes, nh, keys, hd).
        """
        outlier, others = summarise(keys.to(self._outliers))
        self._outliers[:, row, :, place] = outlier
        self._others[:, row, :, place] = others

    def take_over(
        self, row: int, place: int, other: Summaries, other_row: int, other_place: int
    ) -> None:
        """Copies the summary of a block of another archive.

        Args:
            row: Row here.
            place: Place here.
            other: Where to copy from.
            other_row: Row there.
            other_place: Place there.
        """
        for mine, theirs in ((self._outliers, other._outliers), (self._others, other._others)):
            mine[:, row, :, place].copy_(theirs[:, other_row, :, other_place])

    def search(
        self,
        lane: int,
        query: Tensor,
        empty: Tensor,
        log_sum: Tensor,
        num_best: int,
        rows: ChosenRows = ALL_ROWS,
    ) -> Tensor:
        """Finds the best blocks of each of some rows.

        Args:
            lane: The lane.
            query: Queries of one frame a row, (K, nh, N, hd).
            empty: Which places hold no block, bool (K, places); those behind are left out.
            log_sum: Log-sum-exp of the scores that the queries have in the window, (K, nh, N, 1).
            num_best: How many blocks to find.
            rows: The K rows.

        Returns:
            Their places, best first, int64 (K, num_best); of equals the first place comes first.
            Empty places come behind all others.
        """
        places = empty.shape[1]
        outliers = self._outliers[lane, :, :, :places][rows]
        others = self._others[lane, :, :, :places][rows]
        query = query.to(outliers.dtype) * self._scale
        scores = torch.logaddexp(
            query @ outliers.transpose(2, 3), query @ others.transpose(2, 3) + self._weight
        ).masked_fill_(empty[:, None, None], -torch.inf)
        total = torch.logaddexp(log_sum.to(scores), scores.logsumexp(dim=3, keepdim=True))
        share = (scores - total).exp_().sum(dim=(1, 2)).masked_fill_(empty, -1.0)
        return share.sort(dim=1, descending=True, stable=True).indices[:, :num_best]
