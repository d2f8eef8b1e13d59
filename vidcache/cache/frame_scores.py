"""What score-based policies know of the held frames: attention received, and keys."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from vidcache.cache.chosen_rows import ALL_ROWS, ChosenRows
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


@dataclass(frozen=True, eq=False)
class _Attention:
    """Attention that the frames in the slots received.

    That of the last frames is kept apart from the sums of the older ones, so that taking frames
    back leaves to the bit what was there before them.

    Attributes:
        sum: What each slot received from settled frames, (B, S).
        last: Number of the last settled frame that gave it the most, (B, S).
        recent_sum: The shares of the last R frames, each at its number modulo R, (B, R, S).
        recent_last: Their numbers where they gave a slot the most, and -1 elsewhere, (B, R, S).
        settled: Number of the first frame that is not in the sums yet, (B,).
    """

    sum: Tensor
    last: Tensor
    recent_sum: Tensor
    recent_last: Tensor
    settled: Tensor

    @classmethod
    def zeros(cls, batch_size: int, rollback_margin: int, num_slots: int) -> _Attention:
        recent = (batch_size, rollback_margin, num_slots)
        # Written in place: a state made in inference mode must be writable outside of it.
        with torch.inference_mode(False):
            return cls(
                torch.zeros(batch_size, num_slots, dtype=torch.float64),
                torch.zeros(batch_size, num_slots, dtype=torch.int64),
                torch.zeros(recent, dtype=torch.float64),
                torch.full(recent, -1, dtype=torch.int64),
                torch.zeros(batch_size, dtype=torch.int64),
            )

    def tensors(self) -> dict[str, Tensor]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def at(self, rows: ChosenRows) -> _Attention:
        """Some rows: views where they follow each other, and else copies."""
        return _Attention(**{name: tensor[rows] for name, tensor in self.tensors().items()})

    def put(self, rows: ChosenRows, part: _Attention) -> None:
        """Takes back what :meth:`at` gave."""
        if isinstance(rows, Tensor):
            theirs = part.tensors()
            for name, tensor in self.tensors().items():
                tensor[rows] = theirs[name]

    def add(self, held: FrameTimes, slots: Tensor, given: Tensor) -> None:
        """Adds, in place, what one new frame of every row gave."""
        rows = torch.arange(len(slots))
        share = given.to(self.sum)
        number = held.index[rows, slots]
        remembered = share.scatter(1, slots[:, None], 0.0)
        most = remembered.amax(dim=1, keepdim=True)
        last = torch.where((remembered == most) & (most > 0), number[:, None], -1)
        for kept in (self.sum, self.recent_sum):
            _clear(kept, slots, 0.0)
        _clear(self.recent_last, slots, -1)
        self.last[rows, slots] = number
        depth = self.recent_sum.shape[1]
        if depth == 0:
            self.sum.add_(share)
            torch.maximum(self.last, last, out=self.last)
            return
        oldest = number % depth
        full = (number - self.settled >= depth)[:, None]
        self.sum.add_(torch.where(full, self.recent_sum[rows, oldest], 0.0))
        settled = torch.where(full, self.recent_last[rows, oldest], -1)
        torch.maximum(self.last, settled, out=self.last)
        self.settled.add_(full[:, 0])
        self.recent_sum[rows, oldest] = share
        self.recent_last[rows, oldest] = last

    def received(self, num_seen: Tensor) -> tuple[Tensor, Tensor]:
        """Sums and last numbers over all frames, settled or not, (B, S) each."""
        if 0 in self.recent_sum.shape:
            return self.sum, self.last
        depth = self.recent_sum.shape[1]
        # Oldest first, as the sums grew: floating-point sums depend on their order.
        number = num_seen[:, None] - depth + torch.arange(depth)
        valid = (number >= self.settled[:, None])[..., None]
        at = (number % depth)[..., None].expand_as(self.recent_sum)
        total = self.sum
        for share in torch.where(valid, self.recent_sum.gather(1, at), 0.0).unbind(1):
            total = total + share
        recent = torch.where(valid, self.recent_last.gather(1, at), -1)
        return total, torch.maximum(self.last, recent.amax(dim=1))


class FrameScores:
    """Scores of the frames in the slots, which can be rolled back exactly.

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
        attended = num_slots if gathers == "attention" else 0
        self._attention = _Attention.zeros(batch_size, rollback_margin, attended)
        with torch.inference_mode(False):
            keys = key_features if gathers == "keys" else 0
            self._keys = torch.zeros(batch_size, num_slots, keys)

    def add(
        self, held: FrameTimes, slots: Tensor, gathered: Gathered, rows: ChosenRows = ALL_ROWS
    ) -> None:
        """Takes over what one new frame of each of some rows handed over.

        Args:
            held: Times of the frames in the slots of these rows, the new one among them.
            slots: Slot of the new frame, int64 (K,).
            gathered: What it handed over.
            rows: The K rows.
        """
        if gathered.keys is not None:
            numbers = torch.arange(len(self._keys))[rows]
            self._keys[numbers, slots] = gathered.keys.to(self._keys)
        if gathered.attention is not None:
            part = self._attention.at(rows)
            part.add(held, slots, gathered.attention)
            self._attention.put(rows, part)

    def records(
        self, held: FrameTimes, num_seen: Tensor, seen: Tensor, rows: ChosenRows = ALL_ROWS
    ) -> FrameRecords:
        """Returns what is known now of some rows.

        Args:
            held: Times of the frames in their slots.
            num_seen: Frames of each stream so far, (K,).
            seen: Which slots the newest frame saw, bool (K, S).
            rows: The K rows.
        """
        total, last = self._attention.at(rows).received(num_seen)
        return FrameRecords(held.index, held.seconds, seen, total, last, self._keys[rows])

    def reset(self, rows: Tensor) -> None:
        """Forgets rows.

        Args:
            rows: Numbers of the rows, int64.
        """
        self._attention.settled[rows] = 0

    def tensors(self) -> dict[str, Tensor]:
        """Returns everything the scores consist of, by name; the row is always dim 0."""
        attention = {f"score_{name}": part for name, part in self._attention.tensors().items()}
        return attention | {"score_keys": self._keys}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Takes over what :meth:`tensors` gave.

        Args:
            tensors: The tensors by name; shapes must fit.
        """
        parts = {name: tensors[f"score_{name}"] for name in self._attention.tensors()}
        self._attention = _Attention(**parts)
        self._keys = tensors["score_keys"]


def _clear(tensor: Tensor, slots: Tensor, value: float) -> None:
    """Sets the slot of each row, the last dimension, to a value."""
    at = slots.view(-1, *[1] * (tensor.ndim - 1)).expand(*tensor.shape[:-1], 1)
    tensor.scatter_(-1, at, value)
