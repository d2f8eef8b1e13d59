"""When frames are: their numbers and their seconds, and what was decided about them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from vidcache.cache.chosen_rows import ALL_ROWS, ChosenRows, put_rows
from vidcache.errors import InputError

__all__ = ["EMPTY", "NEVER", "FrameTimes", "require_rising"]

EMPTY = -1
"""The frame number of a slot that holds none."""
NEVER = 1 << 62
"""The frame number at which what does not happen would happen."""


@dataclass(frozen=True, eq=False)
class FrameTimes:
    """When frames are, in both of a stream's clocks, and what was decided about them.

    Attributes:
        index: Number of each frame in its stream, from 0; -1 where there is none. int64, (B, F).
        seconds: Time of each frame, float64, (B, F); zeros where a stream has no times.
        until: Number of the first frame that sees it no more, because a score-based policy let it
            go; ``NEVER`` for frames that it kept. int64, (B, F); None where nothing is scored.
        pinned: Which frames are kept whatever the policy says, bool, (B, F); None where none are.
    """

    index: Tensor
    seconds: Tensor
    until: Tensor | None = None
    pinned: Tensor | None = None

    def at(self, rows: ChosenRows) -> FrameTimes:
        """Returns the frames of some rows.

        Args:
            rows: The rows.
        """
        if rows is ALL_ROWS:
            return self
        return FrameTimes(**{name: tensor[rows] for name, tensor in self.tensors().items()})

    def with_rows(self, rows: ChosenRows, new: FrameTimes) -> FrameTimes:
        """Returns these frames with rows replaced; what is given stays as it is.

        Args:
            rows: The rows.
            new: What they become, (K, F).
        """
        if rows is ALL_ROWS:
            return new
        theirs = new.tensors()
        return FrameTimes(
            **{
                name: put_rows(tensor, rows, theirs[name])
                for name, tensor in self.tensors().items()
            }
        )

    def joined(self, other: FrameTimes) -> FrameTimes:
        """Returns these frames followed by other ones about which nothing was decided yet."""
        until = pinned = None
        if self.until is not None:
            until = torch.cat([self.until, torch.full_like(other.index, NEVER)], dim=1)
        if self.pinned is not None:
            pinned = torch.cat([self.pinned, torch.zeros_like(other.index, dtype=torch.bool)], 1)
        return FrameTimes(
            torch.cat([self.index, other.index], dim=1),
            torch.cat([self.seconds, other.seconds], dim=1),
            until,
            pinned,
        )

    def clone(self) -> FrameTimes:
        """Returns a copy that shares nothing with these frames."""
        return FrameTimes(**{name: tensor.clone() for name, tensor in self.tensors().items()})

    def with_frames(self, slots: Tensor, times: FrameTimes) -> FrameTimes:
        """Returns a copy in which new frames lie in their slots.

        Args:
            slots: Slot of each new frame, int64 (B, T); -1 for one that has none, where T > 1.
            times: Their times, (B, T).
        """
        until, pinned = self.until, self.pinned
        if slots.shape[1] == 1:
            return FrameTimes(
                self.index.scatter(1, slots, times.index),
                self.seconds.scatter(1, slots, times.seconds),
                None if until is None else until.scatter(1, slots, NEVER),
                None if pinned is None else pinned.scatter(1, slots, False),
            )
        copy = self.clone()
        rows, frames = (slots >= 0).nonzero(as_tuple=True)
        at = slots[rows, frames]
        copy.index[rows, at] = times.index[rows, frames]
        copy.seconds[rows, at] = times.seconds[rows, frames]
        if copy.until is not None:
            copy.until[rows, at] = NEVER
        if copy.pinned is not None:
            copy.pinned[rows, at] = False
        return copy

    def without_frames(self, next_frame: Tensor) -> FrameTimes:
        """Returns a copy as it was before some frames came.

        Args:
            next_frame: Number of the first frame that is taken back, a row, (B,).
        """
        undone = self.index >= next_frame[:, None]
        until = self.until
        if until is not None:
            # What was let go at a frame that is taken back is held again.
            until = torch.where(until >= next_frame[:, None], NEVER, until)
        pinned = None if self.pinned is None else self.pinned & ~undone
        return FrameTimes(torch.where(undone, EMPTY, self.index), self.seconds, until, pinned)

    def tensors(self) -> dict[str, Tensor]:
        """Returns the tensors that there are, by the names of the attributes."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: tensor for name, tensor in named.items() if tensor is not None}


def require_rising(seconds: Tensor, after: Tensor | None = None) -> None:
    """Refuses times that are not finite or go backwards.

    Args:
        seconds: Times, (B, T).
        after: Time of the frame before the first one, (B,), or None.

    Raises:
        InputError: A time is not finite, or earlier than the frame before it.
    """
    before = seconds[:, :1] if after is None else after[:, None]
    if seconds.shape[1] > 1:
        before = torch.cat([before, seconds[:, :-1]], dim=1)
    # One question a step where all is well, which compares false with what is no number.
    if bool(((seconds >= before) & (seconds.abs() < torch.inf)).all()):
        return
    if not bool(torch.isfinite(seconds).all()):
        raise InputError("seconds holds values that are not finite: give every frame a time")
    raise InputError(
        "seconds goes backwards within a row: times must not decrease; "
        "unroll them, or reset the row where a new stream begins"
    )
