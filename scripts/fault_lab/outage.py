"""What the records of a camera say about a span of time in which something happened to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from fault_lab.watched_run import SeenRecord

__all__ = ["Outage", "describe_outage"]

# Pauses that any camera makes on a busy machine.
_PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Outage:
    """A span of a camera's records.

    Attributes:
        gaps: Its discontinuities in order: the reason, and what is known about it.
        longest_pause: Longest time between two good frames (not tainted), in seconds of the wall
            clock.
        seconds_back: From the mending to the first good frame after that pause; None if there was
            no pause worth the name.
        num_frames: Frames of the span.
        num_tainted: Those of them that are tainted.
        num_dropped: Frames that were decoded but not shown: holes in the numbers.
        num_missing: Frames that the camera sent and that are not there: holes in the times.
    """

    gaps: tuple[tuple[str, str], ...]
    longest_pause: float
    seconds_back: float | None
    num_frames: int
    num_tainted: int
    num_dropped: int
    num_missing: int


def describe_outage(
    records: Sequence[SeenRecord], begin: float, mended: float, end: float, *, rate: float
) -> Outage:
    """Sum up what happened to a camera.

    Args:
        records: Its records so far.
        begin: When the fault began (seconds since the epoch).
        mended: When its cause was gone.
        end: When to stop looking.
        rate: Frames that the camera sends in a second.
    """
    frames = [seen.record for seen in records if seen.kind == "frame"]
    # The last frame from before it shows where the first hole begins.
    first = max((i for i, frame in enumerate(frames) if frame["time"] <= begin), default=0)
    span = [frame for frame in frames[first:] if frame["time"] <= end]
    pairs = list(pairwise(span))
    good = [frame["time"] for frame in span if "tainted" not in frame["flags"]]
    if not good or good[0] > begin:
        # There was none yet when it began.
        good.insert(0, begin)
    pauses = [(after - before, after) for before, after in pairwise(good)]
    pause, resumed = max(pauses, default=(end - begin, end))
    gaps = tuple(
        (str(seen.record["reason"]), str(seen.record.get("detail", "")))
        for seen in records
        if seen.kind == "discontinuity" and begin <= seen.time <= end
    )
    return Outage(
        gaps=gaps,
        longest_pause=pause,
        seconds_back=max(0.0, resumed - mended) if pause > _PAUSE_SECONDS else None,
        num_frames=len(span),
        num_tainted=sum("tainted" in frame["flags"] for frame in span),
        num_dropped=sum(after["frame"] - before["frame"] - 1 for before, after in pairs),
        num_missing=sum(
            max(0, round((after["pts"] - before["pts"]) * rate) - 1) for before, after in pairs
        ),
    )
