# pyright: basic
"""Kills batches on good and bad files, and checks that nothing is lost, doubled or spoilt.

    python scripts/batch_torture.py [--files 60] [--seed 0] [--engine local|ray] [--keep DIR]

It makes small videos, ten of them bad, each in another way, and labels them with the bundled
models. With ``--engine local`` the batch is killed three times at random moments, with all of its
workers, begun again each time with 2 workers, and ended with 1. With ``--engine ray`` one of two
actors is killed while it works. What must hold then is checked and printed: every good file is
done exactly once by the manifest, no half file stands under a final name at any time, each bad
file is listed with its cause, and the results are those of a plain ``vidcache run``, to the byte.
The exit code is 1 if anything is wrong.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from batch_lab import (
    BatchRun,
    Expected,
    check_folder,
    count_lines,
    half_files,
    make_files,
    result_lines,
    run_command,
)

SETTINGS = ("--detector", "bundled", "--precision", "fp32")
NUM_KILLS = 3


def main() -> int:
    """Makes the files, runs the batch, checks and prints."""
    options = _parse()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        inputs, out = folder / "in", folder / "out"
        expected = make_files(inputs, options.files, options.seed)
        command = [inputs, "--out", out, *SETTINGS, "--engine", options.engine]
        start = time.monotonic()
        if options.engine == "ray":
            wrong = _kill_a_ray_worker(command, out, folder / "log", options.seed)
        else:
            wrong = _kill_everything(command, out, folder / "log", options.seed, len(expected))
        print(f"the batch took {time.monotonic() - start:.0f} s\n")
        wrong += check_folder(out, inputs, expected)
        wrong += _differences_to_a_run(out, inputs, expected, folder / "alone")
        _print_table(out, inputs, expected)
    print("\n".join(f"WRONG: {text}" for text in wrong) or "everything holds")
    return int(bool(wrong))


def _kill_everything(
    command: list[object], out: Path, log: Path, seed: int, num_files: int
) -> list[str]:
    wrong: list[str] = []
    rng = random.Random(seed)
    manifest = out / "manifest.jsonl"
    for number in range(1, NUM_KILLS + 1):
        before = count_lines(manifest)
        more = rng.randint(1, max(1, num_files // (NUM_KILLS + 2)))
        with BatchRun([*command, "--workers", 2], log) as run:
            run.wait_until(lambda wanted=before + more: count_lines(manifest) >= wanted)
            time.sleep(rng.uniform(0.0, 1.5))
            run.kill()
        parts = len(list(out.rglob("*.part")))
        print(f"kill {number}: {count_lines(manifest)} files done, {parts} parts left behind")
        wrong += [f"after kill {number}: {path} is half a file" for path in half_files(out)]
    with BatchRun([*command, "--workers", 1], log) as run:
        return wrong + _check_end(run)


def _kill_a_ray_worker(command: list[object], out: Path, log: Path, seed: int) -> list[str]:
    rng = random.Random(seed)
    with BatchRun([*command, "--workers", 2], log) as run:
        run.wait_until(lambda: count_lines(out / "manifest.jsonl") >= rng.randint(3, 12))
        run.wait_until(lambda: len(list(out.rglob("*.part"))) == 2)
        num_workers = len(run.workers())
        pid = run.kill_worker()
        print(f"killed the actor {pid}, one of {num_workers}, with both at work")
        return _check_end(run)


def _check_end(run: BatchRun) -> list[str]:
    code = run.wait()
    return [] if code == 3 else [f"the exit code is {code}, not 3"]


def _differences_to_a_run(
    out: Path, inputs: Path, expected: Iterable[Expected], alone: Path
) -> list[str]:
    """Labels every folder with ``vidcache run``, and compares byte by byte."""
    wrong: list[str] = []
    for folder in (inputs, inputs / "inner"):
        run_command("run", folder, "--jsonl", alone / folder.relative_to(inputs), *SETTINGS)
    num_equal = num_lines = 0
    for file in expected:
        if file.outcome == "failed":
            continue
        name = file.path.relative_to(inputs).with_suffix(".jsonl")
        batch, run = result_lines(out / name), result_lines(alone / name)
        num_equal += batch == run
        num_lines += len(batch)
        if batch != run:
            wrong.append(f"{name} ({file.way}): other results than those of a run")
    print(f"{num_equal} files, {num_lines} lines equal to those of vidcache run\n")
    return wrong


def _print_table(out: Path, inputs: Path, expected: list[Expected]) -> None:
    manifest = [json.loads(line) for line in (out / "manifest.jsonl").open()]
    errors = {record["path"]: record for record in map(json.loads, (out / "errors.jsonl").open())}
    times = Counter(entry["name"] for entry in manifest)
    entries = {entry["name"]: entry for entry in manifest}
    print("| file | done | frames | damaged | listed as |\n| --- | ---: | ---: | ---: | --- |")
    good = [file for file in expected if file.way == "good"]
    rows = [file for file in expected if file.way != "good"]
    for file in sorted(rows, key=lambda file: file.way):
        name = file.path.relative_to(inputs).with_suffix("").as_posix()
        entry = entries.get(name, {"frames": "", "tainted": ""})
        error = errors.get(str(file.path))
        cause = "" if error is None else f"`{error['kind']}`: {error['error']}"
        cause = cause.replace(str(inputs), "…")
        print(f"| {file.way} | {times[name]} | {entry['frames']} | {entry['tainted']} | {cause} |")
    names = [file.path.relative_to(inputs).with_suffix("").as_posix() for file in good]
    frames = sum(entries[name]["frames"] for name in names if name in entries)
    once = sum(times[name] == 1 for name in names)
    print(f"| {len(good)} good ones | {once} × 1 | {frames} | | |\n")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    parser.add_argument("--keep", type=Path, help="leave everything in this folder")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
