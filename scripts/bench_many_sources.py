"""How much faster several sources are watched together than one after the other.

The same models watch the same files both ways, in turns, in one process; the ratio of their times
is what counts. The labels, boxes and numbers of both ways are compared frame by frame. With
``--commands`` whole commands are timed too: `vidcache run` once for each file, and once for all.

    python scripts/bench_many_sources.py VIDEO… [--detector NAME|none] [--frames N] [--rounds N]
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from vidcache import Config, FrameResult, open_source
from vidcache.pipeline import Feed, Pipeline


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", default=4 * ["sample_videos/actions.mp4"])
    parser.add_argument("--detector", default="bundled")
    parser.add_argument("--frames", type=int, default=200, help="frames of each file at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--commands", action="store_true", help="time whole commands as well")
    arguments = parser.parse_args()
    config = Config(detector=arguments.detector, max_frames=arguments.frames)
    pipeline = Pipeline.from_config(config)
    names = [f"{number}: {Path(video).name}" for number, video in enumerate(arguments.videos, 1)]

    ratios: list[float] = []
    for number in range(arguments.rounds):
        alone, alone_seconds, alone_cpu = one_after_another(pipeline, names, arguments.videos)
        together, seconds, cpu = at_once(pipeline, names, arguments.videos)
        ratios.append(alone_seconds / seconds)
        frames = sum(map(len, alone.values()))
        print(
            f"round {number + 1}: one after another {frames / alone_seconds:.1f} frames/s "
            f"({100 * alone_cpu / alone_seconds:.0f} % CPU), together {frames / seconds:.1f} "
            f"frames/s ({100 * cpu / seconds:.0f} % CPU), ratio {ratios[-1]:.2f}"
        )
    print(f"ratio: {statistics.median(ratios):.2f} (median of {len(ratios)})")
    for name in names:
        print(f"{name}: {agreement(alone[name], together[name])}")
    if arguments.commands:
        flags = ["--detector", arguments.detector, "--max-frames", str(arguments.frames)]
        ratios = [commands_ratio(arguments.videos, flags) for _ in range(arguments.rounds)]
        print(f"ratio of whole commands: {statistics.median(ratios):.2f} (median)")


Results = dict[str, list[FrameResult]]


def one_after_another(
    pipeline: Pipeline, names: list[str], videos: list[str]
) -> tuple[Results, float, float]:
    """Watches each file by itself: results, wall-clock seconds, processor seconds."""
    results: Results = {}
    start, cpu = time.perf_counter(), cpu_seconds()
    for name, video in zip(names, videos, strict=True):
        with open_source(video) as source:
            results[name] = list(pipeline.run(source))
    return results, time.perf_counter() - start, cpu_seconds() - cpu


def at_once(
    pipeline: Pipeline, names: list[str], videos: list[str]
) -> tuple[Results, float, float]:
    """Watches all files together: results, wall-clock seconds, processor seconds."""
    results: Results = {name: [] for name in names}
    start, cpu = time.perf_counter(), cpu_seconds()
    with ExitStack() as sources:
        feeds = [
            Feed(name, sources.enter_context(open_source(video)))
            for name, video in zip(names, videos, strict=True)
        ]
        for name, result in pipeline.run_many(feeds):
            results[name].append(result)
    return results, time.perf_counter() - start, cpu_seconds() - cpu


def commands_ratio(videos: list[str], flags: list[str]) -> float:
    """How many times longer a command for each file takes than one command for all."""
    command = [sys.executable, "-c", "from vidcache.cli import main; main()", "run"]

    def seconds(*words: str) -> float:
        start = time.perf_counter()
        subprocess.run([*command, *words, *flags], check=True, capture_output=True)
        return time.perf_counter() - start

    with tempfile.TemporaryDirectory() as folder:
        singly = sum(seconds(video, "--jsonl", f"{folder}/one.jsonl") for video in videos)
        return singly / seconds(*videos, "--jsonl", folder)


def cpu_seconds() -> float:
    """Processor seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def agreement(alone: list[FrameResult], together: list[FrameResult]) -> str:
    """Says how far the results of both ways agree."""
    pairs = list(zip(alone, together, strict=True))
    same = sum(first.action == second.action for first, second in pairs)
    boxes = sum(first.objects == second.objects for first, second in pairs)
    largest = max(
        abs(score.score - other)
        for first, second in pairs
        for score in first.actions
        for other in [next(s.score for s in second.actions if s.label == score.label)]
    )
    return (
        f"{same} of {len(pairs)} labels and {boxes} of {len(pairs)} sets of boxes and IDs are "
        f"equal, scores differ by at most {largest:.1e}"
    )


if __name__ == "__main__":
    main()
