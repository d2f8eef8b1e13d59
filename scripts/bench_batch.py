# pyright: basic
"""Measures what a second worker brings.

    python scripts/bench_batch.py [--files 8] [--frames 200] [--workers 1,2] [--rounds 3] [FLAGS …]

Every number of workers labels the same rendered videos in turns, so that they share whatever else
the machine does; FLAGS go to ``vidcache batch``, such as ``--detector none``. It is measured while
every worker is at work: neither the loading of the models nor the end, when there is nothing left
for one of them, is part of it. The processors in use say what a further worker could still find.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from batch_lab import BatchRun, count_lines, write_sample


def main() -> None:
    """Makes the videos, runs the batches in turns, prints a table."""
    options, flags = _parse()
    counts = [int(count) for count in options.workers.split(",")]
    rates: dict[int, list[float]] = {count: [] for count in counts}
    busy: dict[int, list[float]] = {count: [] for count in counts}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for number in range(options.files):
            write_sample(folder / "in" / f"{number}.mp4", options.frames, seed=number)
        for turn in range(options.rounds):
            for count in counts:
                out = folder / f"out_{turn}_{count}"
                rate, share = _measure(folder, out, count, flags)
                rates[count].append(rate)
                busy[count].append(share)
    first = statistics.median(rates[counts[0]])
    print(
        "| workers | frames a second | against the first | processors in use | ms of them a frame |"
    )
    print("| ---: | ---: | ---: | ---: | ---: |")
    for count in counts:
        rate = statistics.median(rates[count])
        share = statistics.median(busy[count])
        in_use = f"{share:.2f} of {os.cpu_count()}"
        cost = 1000 * share / rate
        print(f"| {count} | {rate:.1f} | {rate / first:.2f} | {in_use} | {cost:.1f} |")


def _measure(folder: Path, out: Path, num_workers: int, flags: list[str]) -> tuple[float, float]:
    """Frames a second, and processors in use, while all workers are at work."""
    num_files = len(list((folder / "in").iterdir()))
    manifest = out / "manifest.jsonl"
    command = [folder / "in", "--out", out, "--workers", num_workers, *flags]
    with BatchRun(command, folder / "log") as run:
        run.wait_until(lambda: len(list(out.glob("*.jsonl.*.part"))) == num_workers)
        start, frames, seconds = time.perf_counter(), _num_frames(out), run.worker_seconds()
        run.wait_until(lambda: count_lines(manifest) > num_files - num_workers - 1)
        elapsed = time.perf_counter() - start
        frames, seconds = _num_frames(out) - frames, run.worker_seconds() - seconds
        if run.wait() != 0:
            raise SystemExit((folder / "log").read_text())
    return frames / elapsed, seconds / elapsed


def _num_frames(out: Path) -> int:
    """Lines of results written so far, in finished and unfinished files."""
    return sum(count_lines(path) for path in out.glob("*.jsonl*") if path.name[0].isdigit())


def _parse() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_known_args()


if __name__ == "__main__":
    main()
