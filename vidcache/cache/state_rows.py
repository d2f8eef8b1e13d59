"""Rows of a state: they are split off, merged and exchanged without touching the others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

from vidcache.cache.archive import Archive
from vidcache.cache.frame_times import EMPTY
from vidcache.cache.slots import SlotTable
from vidcache.cache.storage import Storage
from vidcache.errors import InputError, StateError

__all__ = ["RowVerbs"]

_State = TypeVar("_State", bound="RowVerbs")


class RowVerbs(ABC):
    """What a state can do with its rows.

    Attributes:
        storage: Where keys and values are.
        slots: Which frame lies in which slot.
        compute_dtype: Type of the head's weights when the state was made.
        fingerprint: Says which weights and settings the state belongs to.
        first_frame: Number of the streams' first frame; positions are counted from it.
        archive: Where frames go that leave the slots; None where they are forgotten.
    """

    storage: Storage
    slots: SlotTable
    compute_dtype: torch.dtype
    fingerprint: str
    first_frame: int
    archive: Archive | None

    @property
    def batch_size(self) -> int:
        """Number of streams B."""
        return len(self.slots.num_seen)

    @abstractmethod
    def reset(self, rows: Sequence[int] | None = None) -> None:
        """Lets streams begin again at frame 0; the other rows are not touched."""

    def fork(self: _State) -> _State:
        """Returns an independent twin that goes on from the same frame.

        States of a pool share their blocks until one of them writes into them; a dense state is
        copied. Archived blocks in host memory are shared, those on disk are copied.

        Raises:
            StateError: The state lost its blocks to other streams of the pool.
            ConfigError: The archive of the twin cannot make its file.
        """
        return self.select(range(self.batch_size))

    def select(self: _State, rows: Sequence[int]) -> _State:
        """Returns an independent state of some rows, in that order; this one is not changed.

        Args:
            rows: The rows; one may come several times.

        Returns:
            The state. Like a fork, it shares blocks in a pool.

        Raises:
            InputError: There is no such row, or none is asked for.
            StateError: A row lost its blocks to other streams of the pool.
        """
        chosen = self._numbers(rows)
        if not len(chosen):
            raise InputError("no row is selected: give at least one")
        slots = self.slots.select(chosen)
        storage = self.storage.new(len(chosen))
        held = slots.held.index != EMPTY
        every = torch.arange(len(chosen))
        storage.take_over(every, self.storage, chosen, held)
        archive = None
        if self.archive is not None:
            archive = self.archive.new(len(chosen))
            archive.take_over(every, self.archive, chosen)
        return self._with(storage, slots, archive)

    def extract(self: _State, rows: Sequence[int]) -> _State:
        """Takes rows out: returns them as a state, and lets the rows here begin again.

        Args:
            rows: The rows, in the order in which they are returned.

        Raises:
            InputError: There is no such row, or none is asked for.
            StateError: A row lost its blocks to other streams of the pool.
        """
        taken = self.select(rows)
        self.reset(rows)
        return taken

    def insert(self: _State, rows: Sequence[int], other: _State) -> None:
        """Puts the rows of another state in the place of rows here; the others are not touched.

        Nothing is allocated that grows: this is how a stream joins a running batch.

        Args:
            rows: The rows to replace, one for each row of the other state.
            other: The state to take over. It is not changed and goes on by itself.

        Raises:
            InputError: There is no such row, a row comes twice, or their number does not fit.
            StateError: The states do not fit together, or the pool is full. Then nothing changed.
        """
        chosen = self._numbers(rows)
        if len(set(rows)) != len(rows) or len(chosen) != other.batch_size:
            raise InputError(
                f"rows {list(rows)} cannot take the {other.batch_size} rows of the other state: "
                "give as many rows, each of them once"
            )
        self._require_alike(other)
        everything = torch.arange(other.batch_size)
        self.storage.take_over(chosen, other.storage, everything, other._held())
        self.slots.put(chosen, other.slots)
        if self.archive is not None and other.archive is not None:
            self.archive.take_over(chosen, other.archive, everything)

    @classmethod
    def merge(cls: type[_State], states: Sequence[_State]) -> _State:
        """Returns one state of the rows of several, one state after another.

        Args:
            states: States of one head, in the same storage formats. They are not changed.

        Returns:
            An independent state, stored like the first one. In a pool it shares blocks with those
            that live there.

        Raises:
            InputError: There is no state to merge.
            StateError: The states do not fit together, or the pool is full.
        """
        if not states:
            raise InputError("there is no state to merge: give at least one")
        first = states[0]
        for other in states[1:]:
            first._require_alike(other)
        batch_size = sum(state.batch_size for state in states)
        storage = first.storage.new(batch_size)
        archive = None if first.archive is None else first.archive.new(batch_size)
        start = 0
        for state in states:
            rows = torch.arange(state.batch_size)
            storage.take_over(rows + start, state.storage, rows, state._held())
            if archive is not None and state.archive is not None:
                archive.take_over(rows + start, state.archive, rows)
            start += state.batch_size
        return first._with(storage, SlotTable.merge([state.slots for state in states]), archive)

    @abstractmethod
    def _with(self: _State, storage: Storage, slots: SlotTable, archive: Archive | None) -> _State:
        """Returns a state of the same head with other rows."""

    def _held(self) -> Tensor:
        """Says which slots hold frames, bool (B, S)."""
        return self.slots.held.index != EMPTY

    def _numbers(self, rows: Sequence[int] | None) -> Tensor:
        if rows is None:
            return torch.arange(self.batch_size)
        for row in rows:
            if not 0 <= row < self.batch_size:
                raise InputError(f"row {row} of a state of {self.batch_size} rows: count from 0")
        return torch.tensor(list(rows), dtype=torch.int64)

    def _require_alike(self, other: RowVerbs) -> None:
        """Refuses to bring together what one step cannot step together."""
        for what, mine, theirs in (
            ("settings and weights", self.fingerprint, other.fingerprint),
            ("storage formats", str(self.storage.formats), str(other.storage.formats)),
            ("type of the head's weights", self.compute_dtype, other.compute_dtype),
            ("device", self.storage.device, other.storage.device),
            ("first_frame", self.first_frame, other.first_frame),
            ("archive", *(state.archive and state.archive.config for state in (self, other))),
        ):
            if mine != theirs:
                raise StateError(
                    f"states of another {what} cannot be brought together ({mine} and {theirs}): "
                    "make both with the same head.init_state"
                )
