"""Where the new frames of a step go, and what they see: found before anything is written."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vidcache.cache.chosen_rows import ChosenRows
from vidcache.cache.eviction.base import EvictionPolicy
from vidcache.cache.frame_times import EMPTY, FrameTimes
from vidcache.cache.visibility import visible

__all__ = ["SlotPlan", "slot_of_frame", "slots_of_chunk"]


@dataclass(frozen=True, eq=False)
class SlotPlan:
    """Where the frames of a chunk go, decided before anything is written.

    Attributes:
        rows: The K rows that the chunk is for; the others are not touched.
        times: Times of the chunk's frames, (K, T).
        slots: Slot of each frame, int64 (K, T); -1 for a frame that no query to come can reach.
        seen: What each frame sees. One frame sees slots, itself among them, bool (K, 1, S); frames
            of a longer chunk see the slots as they were, and then the chunk, (K, T, S + T).
        held: Times of the frames in the slots once the chunk is committed, (K, S).
        floor: Lowest frame number to which each row can be rolled back afterwards, (K,).
        inexact_since: First frame of each row whose prediction a clip's mask cannot give, (K,).
    """

    rows: ChosenRows
    times: FrameTimes
    slots: Tensor
    seen: Tensor
    held: FrameTimes
    floor: Tensor
    inexact_since: Tensor


def slot_of_frame(
    policy: EvictionPolicy, held: FrameTimes, now: FrameTimes, oldest: Tensor
) -> tuple[Tensor, Tensor]:
    """Finds the first free slot for one new frame.

    A slot is free if it is empty, or if its frame is out of reach of the oldest query that can
    still come. The rule is asked once, for that query and for the new frame.

    Args:
        policy: The eviction policy.
        held: Times of the frames in the slots, (K, S).
        now: Time of the new frame, (K, 1).
        oldest: Number of the oldest query that can still come, int64 (K, 1): that of the new
            frame, or of one that a rollback would bring back.

    Returns:
        The slot, int64 (K, 1), and what the frame sees once it lies there, bool (K, 1, S).
    """
    seconds = now.seconds
    if policy.needs_seconds:
        at = held.index == oldest
        before = torch.where(at, held.seconds, -torch.inf).amax(dim=1, keepdim=True)
        seconds = torch.where(oldest == now.index, seconds, before)
    queries = FrameTimes(
        torch.cat([oldest, now.index], dim=1), torch.cat([seconds, now.seconds], dim=1)
    )
    by_oldest, by_frame = visible(policy, queries, held).unbind(1)
    needed = by_oldest | (held.index > oldest)
    slots = needed.view(torch.uint8).argmin(dim=1, keepdim=True)
    return slots, by_frame.scatter(1, slots, True).unsqueeze(1)


def slots_of_chunk(
    policy: EvictionPolicy, held: FrameTimes, times: FrameTimes, oldest: Tensor
) -> tuple[Tensor, Tensor]:
    """Finds free slots for those frames of a chunk that a query to come can reach.

    Args:
        policy: The eviction policy.
        held: Times of the frames in the slots, (K, S).
        times: Times of the chunk's frames, (K, T).
        oldest: Number of the oldest query that can still come, int64 (K, 1).

    Returns:
        The slots, int64 (K, T), -1 for frames without one; and what each frame sees of the slots
        as they are and of the chunk, bool (K, T, S + T).
    """
    num_slots = held.index.shape[1]
    known = held.joined(times)
    at = (known.index == oldest).int().argmax(dim=1, keepdim=True)
    query = FrameTimes(oldest, known.seconds.gather(1, at))
    needed = visible(policy, query, known)[:, 0] | (known.index > oldest)
    kept = needed[:, num_slots:]
    rank = (kept.cumsum(dim=1) - 1).clamp_(0, num_slots - 1)
    free = needed[:, :num_slots].to(torch.uint8).argsort(dim=1, stable=True)
    slots = torch.where(kept, free.gather(1, rank), EMPTY)
    return slots, visible(policy, times, known)
