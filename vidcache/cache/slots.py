"""The slot table: which frame lies in which slot, for every stream of a batch.

One table serves every lane, so a frame is kept or lost whole. It lives on the CPU whatever the
device of the keys and values: it is small, and its decisions steer copies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vidcache.cache.eviction.base import EvictionPolicy
from vidcache.cache.visibility import FrameTimes, visible
from vidcache.errors import InputError, StateError

__all__ = ["SlotPlan", "SlotTable"]

_EMPTY = -1


@dataclass(frozen=True, eq=False)
class SlotPlan:
    """Where the frames of a chunk go, decided before anything is written.

    Attributes:
        times: Times of the chunk's frames, (B, T).
        slots: Slot of each frame, int64 (B, T); -1 for a frame that no query to come can reach.
        held: Times of the frames in the slots once the chunk is committed, (B, S).
        floor: Lowest frame number to which each row can be rolled back afterwards, (B,).
    """

    times: FrameTimes
    slots: Tensor
    held: FrameTimes
    floor: Tensor


class SlotTable:
    """Keeps which frame lies in which slot, and which slot is free for the next one.

    Args:
        policy: The eviction policy.
        batch_size: Number of streams B.
        rollback_margin: How many committed frames can be undone.

    Attributes:
        held: Times of the frames in the slots, (B, S); index -1 marks an empty slot.
        num_seen: Number of frames of each stream so far, int64 (B,).
    """

    def __init__(self, policy: EvictionPolicy, batch_size: int, rollback_margin: int) -> None:
        self.policy = policy
        self.rollback_margin = rollback_margin
        num_slots = policy.capacity + rollback_margin
        self.held = FrameTimes(
            torch.full((batch_size, num_slots), _EMPTY, dtype=torch.int64),
            torch.zeros(batch_size, num_slots, dtype=torch.float64),
        )
        self.num_seen = torch.zeros(batch_size, dtype=torch.int64)
        self._floor = torch.zeros(batch_size, dtype=torch.int64)
        self._last_seconds = torch.full((batch_size,), -torch.inf, dtype=torch.float64)

    def next_times(self, num_frames: int, seconds: Tensor | None) -> FrameTimes:
        """Numbers the next frames of every row.

        Args:
            num_frames: Length T of the chunk.
            seconds: Times of its frames, (B, T), or None where the stream has no times.

        Returns:
            Their times, (B, T).

        Raises:
            InputError: A time is not finite, or earlier than the frame before it.
        """
        index = self.num_seen[:, None] + torch.arange(num_frames)
        if seconds is None:
            return FrameTimes(index, torch.zeros(index.shape, dtype=torch.float64))
        seconds = seconds.detach().to(device="cpu", dtype=torch.float64)
        require_rising(seconds, after=self._last_seconds)
        return FrameTimes(index, seconds)

    def plan(self, times: FrameTimes) -> SlotPlan:
        """Decides where the frames of a chunk go; **this is where eviction is decided**.

        A slot is free if it is empty, or if its frame is out of reach of the oldest query that can
        still come: the one that a rollback over the whole margin would bring back.

        Args:
            times: Times of the chunk's frames, from :meth:`next_times`.

        Returns:
            The plan. Nothing changes until it is committed.
        """
        num_slots = self.held.index.shape[1]
        after = self.num_seen + times.index.shape[1]
        oldest_query = torch.maximum(self._floor, after - 1 - self.rollback_margin)
        known = self.held.joined(times)
        at = (known.index == oldest_query[:, None]).int().argmax(dim=1, keepdim=True)
        query = FrameTimes(oldest_query[:, None], known.seconds.gather(1, at))
        needed = visible(self.policy, query, known)[:, 0] | (known.index > query.index)

        free_first = torch.argsort(needed[:, :num_slots].to(torch.uint8), dim=1, stable=True)
        kept = needed[:, num_slots:]
        rank = (kept.cumsum(dim=1) - 1).clamp_(0, num_slots - 1)
        slots = torch.where(kept, free_first.gather(1, rank), _EMPTY)

        held = FrameTimes(self.held.index.clone(), self.held.seconds.clone())
        if times.index.shape[1] == 1:
            held.index.scatter_(1, slots, times.index)
            held.seconds.scatter_(1, slots, times.seconds)
        else:
            rows, frames = kept.nonzero(as_tuple=True)
            held.index[rows, slots[rows, frames]] = times.index[rows, frames]
            held.seconds[rows, slots[rows, frames]] = times.seconds[rows, frames]
        floor = torch.maximum(self._floor, after - self.rollback_margin)
        return SlotPlan(times, slots, held, floor)

    def commit(self, plan: SlotPlan) -> None:
        """Makes the chunk of a plan history.

        Args:
            plan: The newest plan of this table.
        """
        self.held = plan.held
        self.num_seen = plan.times.index[:, -1] + 1
        self._floor = plan.floor
        self._last_seconds = plan.times.seconds[:, -1].clone()

    def remembered(self) -> Tensor:
        """Says which slots hold frames that the newest frame of the row saw, bool (B, S).

        The frames that are held for a rollback only are not among them.
        """
        # A time that a rollback lost reaches back to nothing, rather than to everything.
        seconds = torch.where(self._last_seconds.isfinite(), self._last_seconds, torch.inf)
        newest = FrameTimes(self.num_seen[:, None] - 1, seconds[:, None])
        return visible(self.policy, newest, self.held)[:, 0]

    def reset(self, rows: Tensor) -> None:
        """Empties rows: their streams begin again at frame 0.

        Args:
            rows: Numbers of the rows, int64.
        """
        self.held = FrameTimes(
            self.held.index.index_fill(0, rows, _EMPTY), self.held.seconds.index_fill(0, rows, 0.0)
        )
        self.num_seen = self.num_seen.index_fill(0, rows, 0)
        self._floor = self._floor.index_fill(0, rows, 0)
        self._last_seconds = self._last_seconds.index_fill(0, rows, -torch.inf)

    def rollback(self, num_frames: int, rows: Tensor) -> None:
        """Takes back the last committed frames of rows.

        Args:
            num_frames: How many frames.
            rows: Numbers of the rows, int64.

        Raises:
            StateError: A row has not that many frames that can be undone.
        """
        possible = (self.num_seen - self._floor)[rows]
        if bool((possible < num_frames).any()):
            least = int(possible.min())
            raise StateError(
                f"cannot roll back {num_frames} frames: {least} can be undone here; "
                f"raise rollback_margin (now {self.rollback_margin}) in the HeadConfig"
            )
        undone = torch.zeros_like(self.num_seen).index_fill(0, rows, num_frames)
        self.num_seen = self.num_seen - undone
        index = self.held.index
        index = torch.where(index >= self.num_seen[:, None], _EMPTY, index)
        self.held = replace(self.held, index=index)
        self._last_seconds = self._newest_seconds()

    def _newest_seconds(self) -> Tensor:
        newest = self.held.index == self.num_seen[:, None] - 1
        # With a window of 1 the frame before a rolled-back one may be gone, and its time with it.
        seconds = torch.where(newest, self.held.seconds, -torch.inf)
        return seconds.amax(dim=1)

    def clone(self) -> SlotTable:
        """Returns a copy that shares nothing with this table."""
        twin = SlotTable(self.policy, len(self.num_seen), self.rollback_margin)
        twin.load_tensors({name: tensor.clone() for name, tensor in self.tensors().items()})
        return twin

    def tensors(self) -> dict[str, Tensor]:
        """Returns everything the table knows, by name, for saving."""
        return {
            "held_index": self.held.index,
            "held_seconds": self.held.seconds,
            "num_seen": self.num_seen,
            "floor": self._floor,
            "last_seconds": self._last_seconds,
        }

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Takes over what :meth:`tensors` gave.

        Args:
            tensors: The tensors by name; shapes must fit.
        """
        self.held = FrameTimes(tensors["held_index"], tensors["held_seconds"])
        self.num_seen = tensors["num_seen"]
        self._floor = tensors["floor"]
        self._last_seconds = tensors["last_seconds"]


def require_rising(seconds: Tensor, after: Tensor | None = None) -> None:
    """Refuses times that are not finite or go backwards.

    Args:
        seconds: Times, (B, T).
        after: Time of the frame before the first one, (B,), or None.

    Raises:
        InputError: A time is not finite, or earlier than the frame before it.
    """
    if not bool(torch.isfinite(seconds).all()):
        raise InputError("seconds holds values that are not finite: give every frame a time")
    before = seconds[:, :1] if after is None else after[:, None]
    if bool((torch.cat([before, seconds[:, :-1]], dim=1) > seconds).any()):
        raise InputError(
            "seconds goes backwards within a row: times must not decrease; "
            "unroll them, or reset the row where a new stream begins"
        )
