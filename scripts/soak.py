"""Watches synthetic live cameras for a long time and prints whether anything creeps.

    python scripts/soak.py --minutes 20 --cameras 2

The program runs in a process of its own. Its memory is read from the system every second, and the
age of a result is the time from the arrival of its frame until its line is seen in the file.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from fault_lab.memory_watch import MemoryWatch
from fault_lab.watched_run import SeenRecord, WatchedRun

_QUARTERS = 4
_SETTLED_SECONDS = 120.0
_AVERAGED_SECONDS = 10.0


@dataclass(frozen=True)
class Account:
    """Where the frames of one camera went.

    Attributes:
        sent: Frames that the camera sent up to the last one shown, by their times.
        shown: Results.
        dropped: Frames that the program says it dropped.
        holes: Frames missing in the numbers of the results.
        expected: Frames that a camera of this rate sends in the time that was watched.
    """

    sent: int
    shown: int
    dropped: int
    holes: int
    expected: int


def main() -> None:
    """Run the soak and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--cameras", type=int, default=2)
    parser.add_argument("--rate", type=int, default=10, help="frames a second of each camera")
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--detector", default="none")
    parser.add_argument("options", nargs="*", help="further arguments of vidcache run, after --")
    options = parser.parse_args()
    graph = f"testsrc2=size={options.size}:rate={options.rate}"
    # Every camera has colours of its own.
    cameras = [f"lavfi:{graph},hue=h={40 * n},realtime" for n in range(options.cameras)]
    flags = ["--model", options.model, "--detector", options.detector, *options.options]
    with tempfile.TemporaryDirectory() as folder:
        soak(cameras, 60 * options.minutes, options.rate, Path(folder), flags)


def soak(
    cameras: Sequence[str], seconds: float, rate: int, folder: Path, flags: Sequence[str]
) -> None:
    """Watch the cameras for so long and print what was seen."""
    with WatchedRun(cameras, folder, flags, poll_seconds=0.01) as run:
        for camera in cameras:
            run.wait_for_frames(camera, 1)
        memory = MemoryWatch(run.pid)
        time.sleep(seconds)
        memory.stop()
        code = run.stop()
        records = [run.records(camera) for camera in cameras]
    print_memory(memory, seconds)
    print_ages(records)
    print_accounts([account(found, rate) for found in records])
    print(f"\nStopped by SIGINT after {seconds / 60:.4g} minutes, it ended with code {code}.")


def print_memory(memory: MemoryWatch, seconds: float) -> None:
    """The memory when all had settled, at the end, and in between."""
    settled = min(_SETTLED_SECONDS, seconds / 2)
    early = memory.mean_mib(settled - _AVERAGED_SECONDS / 2, settled + _AVERAGED_SECONDS / 2)
    late = memory.mean_mib(seconds - _AVERAGED_SECONDS, seconds)
    print(
        f"Memory: {early:.1f} MiB after {settled / 60:.2g} minutes, {late:.1f} MiB at the end: "
        f"{100 * (late / early - 1):+.2f} %"
    )
    print(f"\n| quarter of the run | mean MiB |\n|{' --- |' * 2}")
    for number, (begin, end) in enumerate(pairwise(np.linspace(0, seconds, _QUARTERS + 1)), 1):
        print(f"| {number} | {memory.mean_mib(begin, end):.1f} |")


def print_ages(records: Sequence[Sequence[SeenRecord]]) -> None:
    """The age of results, quarter by quarter of the run, all cameras together."""
    frames = [seen for found in records for seen in found if seen.kind == "frame"]
    arrived = np.array([seen.record["time"] for seen in frames])
    ages = 1000 * (np.array([seen.time for seen in frames]) - arrived)
    edges = np.linspace(arrived.min(), np.nextafter(arrived.max(), np.inf), _QUARTERS + 1)
    print("\n| quarter of the run | results | p50 ms | p95 ms | p99 ms | max ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for number, (begin, end) in enumerate(pairwise(edges), 1):
        chosen = ages[(arrived >= begin) & (arrived < end)]
        marks = " | ".join(f"{mark:.0f}" for mark in np.percentile(chosen, [50, 95, 99, 100]))
        print(f"| {number} | {len(chosen)} | {marks} |")


def print_accounts(accounts: Sequence[Account]) -> None:
    """Where the frames went, camera by camera."""
    head = (
        "due by the clock | sent | shown | dropped | holes in the numbers | sent = shown + dropped"
    )
    print(f"\n| camera | {head} |\n|{' --- |' * 7}")
    for number, one in enumerate(accounts):
        adds_up = "yes" if one.sent == one.shown + one.dropped else "no"
        counts = (one.expected, one.sent, one.shown, one.dropped, one.holes)
        print(f"| {number} | {' | '.join(map(str, counts))} | {adds_up} |")


def account(records: Sequence[SeenRecord], rate: int) -> Account:
    """Count the frames of a camera that were sent, shown and dropped."""
    frames = [seen.record for seen in records if seen.kind == "frame"]
    end = records[-1].record
    watched = frames[-1]["time"] - frames[0]["time"]
    return Account(
        sent=round(frames[-1]["pts"] * rate) + 1,
        shown=len(frames),
        dropped=end["dropped"],
        holes=sum(after["frame"] - before["frame"] - 1 for before, after in pairwise(frames)),
        expected=round(watched * rate) + 1,
    )


if __name__ == "__main__":
    main()
