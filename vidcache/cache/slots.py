"""The slot table: which frame lies in which slot, for every stream of a batch.

One table serves every lane, so a frame is kept or lost whole. It lives on the CPU whatever the
device of the keys and values: it is small, and its decisions steer copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from vidcache.cache.chosen_rows import ALL_ROWS, ChosenRows, put_rows, take_rows
from vidcache.cache.eviction.base import EvictionPolicy
from vidcache.cache.frame_scores import FrameScores, Gathered
from vidcache.cache.frame_times import EMPTY, NEVER, FrameTimes, require_rising
from vidcache.cache.slot_plan import SlotPlan, slot_of_frame, slots_of_chunk
from vidcache.cache.visibility import visible
from vidcache.errors import StateError

__all__ = ["SlotTable"]


class SlotTable:
    """Keeps which frame lies in which slot, and which slot is free for the next one.

    Args:
        policy: The eviction policy.
        batch_size: Number of streams B.
        rollback_margin: How many committed frames can be undone.
        key_features: Length of a frame's keys, for policies that judge by them.

    Attributes:
        held: Times of the frames in the slots, (B, S); index -1 marks an empty slot.
        num_seen: Number of frames of each stream so far, int64 (B,).
        inexact_since: First frame of each stream whose prediction a clip's mask cannot give,
            int64 (B,); ``NEVER`` while there is none.
    """

    def __init__(
        self,
        policy: EvictionPolicy,
        batch_size: int,
        rollback_margin: int,
        key_features: int = 0,
    ) -> None:
        self.policy = policy
        self.rollback_margin = rollback_margin
        self._key_features = key_features
        num_slots = policy.capacity + rollback_margin
        shape = (batch_size, num_slots)
        scored = policy.scored
        self.held = FrameTimes(
            torch.full(shape, EMPTY, dtype=torch.int64),
            torch.zeros(shape, dtype=torch.float64),
            torch.full(shape, NEVER, dtype=torch.int64) if scored else None,
            torch.zeros(shape, dtype=torch.bool) if policy.max_pinned else None,
        )
        self.num_seen = torch.zeros(batch_size, dtype=torch.int64)
        self.inexact_since = torch.full((batch_size,), NEVER, dtype=torch.int64)
        self._floor = torch.zeros(batch_size, dtype=torch.int64)
        self._last_seconds = torch.full((batch_size,), -torch.inf, dtype=torch.float64)
        self._scores = scored and FrameScores(
            scored.gathers, batch_size, num_slots, rollback_margin, key_features
        )

    def next_times(
        self, num_frames: int, seconds: Tensor | None, rows: ChosenRows = ALL_ROWS
    ) -> FrameTimes:
        """Numbers the next frames of rows.

        Args:
            num_frames: Length T of the chunk.
            seconds: Times of its frames, (K, T), or None where the stream has no times.
            rows: The K rows.

        Returns:
            Their times, (K, T).

        Raises:
            InputError: A time is not finite, or earlier than the frame before it.
        """
        index = take_rows(self.num_seen, rows).unsqueeze(1)
        if num_frames > 1:
            index = index + torch.arange(num_frames)
        if seconds is None:
            return FrameTimes(index, torch.zeros(index.shape, dtype=torch.float64))
        seconds = seconds.detach().to(device="cpu", dtype=torch.float64)
        require_rising(seconds, after=take_rows(self._last_seconds, rows))
        return FrameTimes(index, seconds)

    def plan(self, times: FrameTimes, rows: ChosenRows = ALL_ROWS) -> SlotPlan:
        """Decides where the frames of a chunk go; **this is where eviction is decided**.

        A policy of positions says by itself which frames are out of reach. Where frames are
        scored, the one of the lowest worth is let go here when one too many is held. A slot is
        free if it is empty, or if its frame is out of reach of the oldest query that can still
        come: the one that a rollback over the whole margin would bring back.

        Args:
            times: Times of the chunk's frames, from :meth:`next_times`; one frame where the
                policy scores.
            rows: The rows that the chunk is for.

        Returns:
            The plan. Nothing changes until it is committed.
        """
        floor, undoable = take_rows(self._floor, rows), times.index[:, -1] - self.rollback_margin
        oldest = torch.maximum(floor, undoable).unsqueeze(1)
        held, inexact_since = self._let_go(times, rows)
        find = slot_of_frame if times.index.shape[1] == 1 else slots_of_chunk
        slots, seen = find(self.policy, held, times, oldest)
        floor = torch.maximum(floor, undoable + 1)
        after_it = held.with_frames(slots, times)
        return SlotPlan(rows, times, slots, seen, after_it, floor, inexact_since)

    def _let_go(self, times: FrameTimes, rows: ChosenRows) -> tuple[FrameTimes, Tensor]:
        """Lets a scored frame go where one too many is held, and says since when it matters."""
        held, inexact_since = self.held.at(rows), take_rows(self.inexact_since, rows)
        if self._scores is None and held.pinned is None:
            return held, inexact_since
        now = FrameTimes(times.index[:, :1], times.seconds[:, :1])
        if held.pinned is not None and bool(held.pinned.any()):
            beyond = held.pinned & ~self.policy.reaches(now, held)
            changed = torch.where(beyond.any(dim=1), now.index[:, 0], NEVER)
            inexact_since = torch.minimum(inexact_since, changed)
        if self._scores is None or self.policy.scored is None or held.until is None:
            return held, inexact_since
        seen = visible(self.policy, now, held)[:, 0]
        full = seen.sum(dim=1) == self.policy.capacity
        if not bool(full.any()):
            return held, inexact_since
        safe = ~seen | self.policy.keeps(now, held)
        if held.pinned is not None:
            safe = safe | held.pinned
        worth = self.policy.scored.worth(self._scores.records(held, now.index[:, 0], seen, rows))
        worth = worth.to(torch.float64).masked_fill(safe, torch.inf)
        lowest = worth == worth.amin(dim=1, keepdim=True)
        oldest = torch.where(lowest & ~safe, held.index, NEVER).argmin(dim=1, keepdim=True)
        leaves = torch.where(full[:, None], now.index, held.until.gather(1, oldest))
        until = held.until.scatter(1, oldest, leaves)
        changed = torch.where(full, now.index[:, 0], NEVER)
        return replace(held, until=until), torch.minimum(inexact_since, changed)

    def commit(self, plan: SlotPlan, gathered: Gathered | None = None) -> None:
        """Makes the chunk of a plan history.

        Args:
            plan: The newest plan of this table.
            gathered: What the step handed over, where the policy scores frames.
        """
        rows, newest = plan.rows, plan.times.index[:, -1]
        if self._scores is not None and gathered is not None:
            self._scores.add(plan.held, plan.slots[:, 0], gathered, rows)
        self.held = self.held.with_rows(rows, plan.held)
        self.num_seen = put_rows(self.num_seen, rows, newest + 1)
        self.inexact_since = put_rows(self.inexact_since, rows, plan.inexact_since)
        self._floor = put_rows(self._floor, rows, plan.floor)
        last = plan.times.seconds[:, -1].clone()
        self._last_seconds = put_rows(self._last_seconds, rows, last)

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
        blank: dict[str, float] = {"index": EMPTY, "until": NEVER}
        tensors = self.held.tensors().items()
        self.held = FrameTimes(
            **{name: tensor.index_fill(0, rows, blank.get(name, 0)) for name, tensor in tensors}
        )
        self.num_seen = self.num_seen.index_fill(0, rows, 0)
        self.inexact_since = self.inexact_since.index_fill(0, rows, NEVER)
        if self._scores is not None:
            self._scores.reset(rows)
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
        self.held = self.held.without_frames(self.num_seen)
        since = self.inexact_since
        self.inexact_since = torch.where(since >= self.num_seen, NEVER, since)
        self._last_seconds = self._newest_seconds()

    def _newest_seconds(self) -> Tensor:
        held = self.held.index
        newest = (held == self.num_seen[:, None] - 1) & (held != EMPTY)
        # With a window of 1 the frame before a rolled-back one may be gone, and its time with it.
        seconds = torch.where(newest, self.held.seconds, -torch.inf)
        return seconds.amax(dim=1)

    def pin(self, frame: int, row: int) -> None:
        """Keeps a frame whatever the policy says, until it is unpinned.

        Args:
            frame: Number of a frame that the row now holds.
            row: The stream.

        Raises:
            StateError: The frame is not held, or the policy has no room for one more pinned frame.
        """
        slot = (self.held.index[row] == frame) & self.remembered()[row]
        if not bool(slot.any()):
            raise StateError(f"frame {frame} of row {row} is not held: pin one of cached_frames()")
        pinned = self.held.pinned
        room = self.policy.max_pinned
        if pinned is None or int((pinned[row] | slot).sum()) > room:
            raise StateError(
                f"cannot pin frame {frame}: {type(self.policy).__name__} has room for {room} "
                "pinned frames; make room with Composed((…, PinnedFrames(max_frames)))"
            )
        pinned = pinned.clone()
        pinned[row] |= slot
        self.held = replace(self.held, pinned=pinned)

    def unpin(self, frame: int, row: int) -> None:
        """Leaves a frame to the policy again; one that is not pinned is left as it is.

        Args:
            frame: Number of the frame.
            row: The stream.
        """
        if self.held.pinned is not None:
            pinned = self.held.pinned.clone()
            pinned[row] &= self.held.index[row] != frame
            self.held = replace(self.held, pinned=pinned)

    def clone(self) -> SlotTable:
        """Returns a copy that shares nothing with this table."""
        return self.select(torch.arange(len(self.num_seen)))

    def select(self, rows: Tensor) -> SlotTable:
        """Returns a table of some rows, in that order, that shares nothing with this one.

        Args:
            rows: Numbers of the rows, int64; one may come several times.
        """
        twin = SlotTable(self.policy, len(rows), self.rollback_margin, self._key_features)
        twin.load_tensors({name: tensor[rows] for name, tensor in self.tensors().items()})
        return twin

    @classmethod
    def merge(cls, tables: Sequence[SlotTable]) -> SlotTable:
        """Returns a table of the rows of all tables, one table after another.

        Args:
            tables: Tables of one policy and margin.
        """
        first, parts = tables[0], [table.tensors() for table in tables]
        merged = cls(
            first.policy,
            sum(len(table.num_seen) for table in tables),
            first.rollback_margin,
            first._key_features,
        )
        merged.load_tensors({name: torch.cat([part[name] for part in parts]) for name in parts[0]})
        return merged

    def put(self, rows: Tensor, other: SlotTable) -> None:
        """Replaces rows by all the rows of another table of the same policy and margin.

        Args:
            rows: Numbers of the rows to replace, int64.
            other: The table to copy from.
        """
        theirs = other.tensors()
        self.load_tensors(
            {
                name: tensor.index_copy(0, rows, theirs[name])
                for name, tensor in self.tensors().items()
            }
        )

    def tensors(self) -> dict[str, Tensor]:
        """Returns everything the table knows, by name, for saving; the row is always dim 0."""
        return {
            **{f"held_{name}": tensor for name, tensor in self.held.tensors().items()},
            "num_seen": self.num_seen,
            "inexact_since": self.inexact_since,
            "floor": self._floor,
            "last_seconds": self._last_seconds,
            **(self._scores.tensors() if self._scores is not None else {}),
        }

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Takes over what :meth:`tensors` gave.

        Args:
            tensors: The tensors by name; shapes must fit.
        """
        self.held = FrameTimes(**{name: tensors[f"held_{name}"] for name in self.held.tensors()})
        self.num_seen = tensors["num_seen"]
        self.inexact_since = tensors["inexact_since"]
        if self._scores is not None:
            self._scores.load_tensors(tensors)
        self._floor = tensors["floor"]
        self._last_seconds = tensors["last_seconds"]
