"""`vidcache run` on a stamped camera, and how old the picture of each result was."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from fault_lab.memory_watch import MemoryWatch
from fault_lab.watched_run import SeenRecord, WatchedRun

from latency_lab.ages import Ages
from latency_lab.stamp import age_ms

__all__ = ["StampedRun", "join_notes", "read_notes", "watch_stamped"]

_PROGRAM = Path(__file__).with_name("noted_run.py")
_POLL_SECONDS = 0.005
_UNREADABLE = -1


@dataclass(frozen=True, eq=False)
class StampedRun:
    """What was seen of one camera while it was watched.

    Attributes:
        ages: Of the results whose pictures had a readable stamp.
        shown: Results.
        unreadable: Results whose pictures had none.
        made: Pictures that the camera made between the first and the last one shown.
        decoded: Those of them that the program knows of, by the numbers it gave them.
        dropped_by_cause: What the program says it dropped, from its start to its end.
        edges: Edges of the spans of time that were asked for.
        mib: Memory of the program, mean of each span.
        exit_code: Of the program, which was interrupted.
    """

    ages: Ages
    shown: int
    unreadable: int
    made: int
    decoded: int
    dropped_by_cause: Mapping[str, int]
    edges: Sequence[float]
    mib: Sequence[float]
    exit_code: int


def watch_stamped(
    source: str,
    folder: Path,
    flags: Sequence[str],
    *,
    rate: int,
    settle_seconds: float,
    edges: Sequence[float],
) -> StampedRun:
    """Watch a camera for a while.

    Args:
        source: Its address.
        folder: Where results and notes go.
        flags: Further flags of ``vidcache run``.
        rate: Pictures that it makes in a second.
        settle_seconds: What is left out at the beginning.
        edges: Spans of time, in seconds from there on; the last one ends the watch.
    """
    notes = folder / "notes.txt"
    with WatchedRun(
        [source],
        folder,
        flags,
        poll_seconds=_POLL_SECONDS,
        program=(str(_PROGRAM), str(notes)),
    ) as run:
        run.wait_for_frames(source, 1)
        time.sleep(settle_seconds)
        memory = MemoryWatch(run.pid)
        begin = time.time()
        time.sleep(edges[-1])
        end = time.time()
        memory.stop()
        code = run.stop()
        records = run.records(source)
    mib = [memory.mean_mib(*span) for span in pairwise(edges)]
    watched = [seen for seen in records if begin <= seen.time < end]
    frames = [seen for seen in watched if seen.kind == "frame"]
    stamps = read_notes(notes)
    ages = join_notes(frames, stamps, begin)
    made = 1000 * ages.seconds - ages.ages_ms
    numbers = [int(seen.record["frame"]) for seen in frames]
    return StampedRun(
        ages=ages,
        shown=len(frames),
        unreadable=len(frames) - len(ages.seconds),
        made=round((made[-1] - made[0]) * rate / 1000) + 1,
        decoded=numbers[-1] - numbers[0] + 1,
        dropped_by_cause=records[-1].record["dropped_by_cause"],
        edges=edges,
        mib=mib,
        exit_code=code,
    )


def read_notes(path: Path) -> dict[int, int]:
    """The stamps that were read, by the number of the frame."""
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return {int(number): int(stamp) for number, stamp in lines if int(stamp) != _UNREADABLE}


def join_notes(frames: Sequence[SeenRecord], stamps: Mapping[int, int], begin: float) -> Ages:
    """The ages of results.

    Args:
        frames: Records of frames, in their order.
        stamps: The stamp of each frame, by its number; frames without one are left out.
        begin: From when on seconds are counted (seconds since the epoch).
    """
    rows = [
        (
            seen.time - begin,
            age_ms(stamp, seen.time),
            age_ms(stamp, float(seen.record["time"])),
        )
        for seen in frames
        if (stamp := stamps.get(int(seen.record["frame"]))) is not None
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return Ages(table[:, 0], table[:, 1], table[:, 2])
