"""What score-based policies know of the held frames: attention received, and keys."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vidcache.cache.eviction.scored import FrameRecords, Gathers
from vidcache.cache.frame_times import FrameTimes

__all__ = ["FrameScores", "Gathered"]


@dataclass(frozen=True, eq=False)
class Gathered:
    """What a step of one frame handed over for the scores; None for what was not asked for.

    Attributes:
        attention: Share of its attention that the frame gave to each slot, (B, S), sums of 1.
        keys: Its keys before rotation, in the first lane, (B, D).
    """

    attention: Tensor | None = None
    keys: Tensor | None = None


class FrameScores:
    """Scores of the frames in the slots, which can be rolled back exactly.

    The attention of the last frames is kept apart from the sums of the older ones, so that taking
    frames back leaves to the bit what was there before them.

    Args:
        gathers: What is gathered.
        batch_size: Number of streams B.
        num_slots: Slots S.
        rollback_margin: How many frames R can be taken back.
        key_features: Length D of a frame's keys.
    """

    def __init__(
        self,
        gathers: Gathers,
        batch_size: int,
        num_slots: int,
        rollback_margin: int,
        key_features: int,
    ) -> None:
        self.gathers = gathers
        attention = num_slots if gathers == "attention" else 0
        keys = (num_slots, key_features) if gathers == "keys" else (num_slots, 0)
        recent = (batch_size, rollback_margin, attention)
        # Written in place: a state made in inference mode must be writable outside of it.
        with torch.inference_mode(False):
            self._sum = torch.zeros(batch_size, attention, dtype=torch.float64)
            self._last = torch.zeros(batch_size, attention, dtype=torch.int64)
            self._recent_sum = torch.zeros(recent, dtype=torch.float64)
            self._recent_last = torch.full(recent, -1, dtype=torch.int64)
            self._settled = torch.zeros(batch_size, dtype=torch.int64)
            self._keys = torch.zeros(batch_size, *keys)

    def add(self, held: FrameTimes, slots: Tensor, gathered: Gathered) -> None:
        """Takes over what one new frame of every row handed over.

        Args:
            held: Times of the frames in the slots, the new one among them.
            slots: Slot of the new frame, int64 (B,).
            gathered: What it handed over.
        """
        rows = torch.arange(len(slots))
        if gathered.keys is not None:
            self._keys[rows, slots] = gathered.keys.to(self._keys)
        if gathered.attention is None:
            return
        share = gathered.attention.to(self._sum)
        number = held.index[rows, slots]
        remembered = share.scatter(1, slots[:, None], 0.0)
        most = remembered.amax(dim=1, keepdim=True)
        last = torch.where((remembered == most) & (most > 0), number[:, None], -1)
        for kept in (self._sum, self._recent_sum):
            _clear(kept, slots, 0.0)
        _clear(self._recent_last, slots, -1)
        self._last[rows, slots] = number
        depth = self._recent_sum.shape[1]
        if depth == 0:
            self._sum += share
            self._last = torch.maximum(self._last, last)
            return
        oldest = number % depth
        full = (number - self._settled >= depth)[:, None]
        self._sum += torch.where(full, self._recent_sum[rows, oldest], 0.0)
        settled = torch.where(full, self._recent_last[rows, oldest], -1)
        self._last = torch.maximum(self._last, settled)
        self._settled += full[:, 0]
        self._recent_sum[rows, oldest] = share
        self._recent_last[rows, oldest] = last

    def records(self, held: FrameTimes, num_seen: Tensor, seen: Tensor) -> FrameRecords:
        """Returns what is known now.

        Args:
            held: Times of the frames in the slots.
            num_seen: Frames of each stream so far, (B,).
            seen: Which slots the newest frame saw, bool (B, S).
        """
        total, last = self._sum, self._last
        depth = self._recent_sum.shape[1]
        if depth and self.gathers == "attention":
            # Oldest first, as the sums grew: floating-point sums depend on their order.
            number = num_seen[:, None] - depth + torch.arange(depth)
            valid = (number >= self._settled[:, None])[..., None]
            at = (number % depth)[..., None].expand_as(self._recent_sum)
            shares = torch.where(valid, self._recent_sum.gather(1, at), 0.0)
            for share in shares.unbind(1):
                total = total + share
            recent = torch.where(valid, self._recent_last.gather(1, at), -1)
            last = torch.maximum(last, recent.amax(dim=1))
        return FrameRecords(held.index, held.seconds, seen, total, last, self._keys)

    def reset(self, rows: Tensor) -> None:
        """Forgets rows.

        Args:
            rows: Numbers of the rows, int64.
        """
        self._settled[rows] = 0

    def tensors(self) -> dict[str, Tensor]:
        """Returns everything the scores consist of, by name; the row is always dim 0."""
        return {
            "score_sum": self._sum,
            "score_last": self._last,
            "score_recent_sum": self._recent_sum,
            "score_recent_last": self._recent_last,
            "score_settled": self._settled,
            "score_keys": self._keys,
        }

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Takes over what :meth:`tensors` gave.

        Args:
            tensors: The tensors by name; shapes must fit.
        """
        self._sum = tensors["score_sum"]
        self._last = tensors["score_last"]
        self._recent_sum = tensors["score_recent_sum"]
        self._recent_last = tensors["score_recent_last"]
        self._settled = tensors["score_settled"]
        self._keys = tensors["score_keys"]


def _clear(tensor: Tensor, slots: Tensor, value: float) -> None:
    """Sets the slot of each row, the last dimension, to a value."""
    at = slots.view(-1, *[1] * (tensor.ndim - 1)).expand(*tensor.shape[:-1], 1)
    tensor.scatter_(-1, at, value)
