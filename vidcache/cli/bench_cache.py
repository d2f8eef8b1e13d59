"""``vidcache bench cache``: what each policy holds of a set stream, and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcache.cli.console import show_message, show_progress
from vidcache.cli.options import DebugFlag
from vidcache.cli.plot_file import require_drawing
from vidcache.errors import ConfigError

if TYPE_CHECKING:
    from vidcache.cli.cache_look_ups import LookUps
    from vidcache.cli.cache_workload import CacheRun

__all__ = ["bench_cache"]

_LEAST_FRAMES = 50
_STEP = 16


def bench_cache(
    budget: Annotated[int, typer.Option(help="Frames held in all, a multiple of 16.")] = 32,
    frames: Annotated[int, typer.Option(help="Frames of the stream.")] = 400,
    width: Annotated[int, typer.Option(help="Width of the trunk.")] = 192,
    depth: Annotated[int, typer.Option(help="Blocks of the trunk.")] = 4,
    iterations: Annotated[int, typer.Option(help="Refinement passes.")] = 4,
    heads: Annotated[int, typer.Option(help="Attention heads.")] = 3,
    threads: Annotated[int, typer.Option(help="Threads; 0 leaves the choice to PyTorch.")] = 0,
    rounds: Annotated[int, typer.Option(help="Measurements of each policy, in turns.")] = 60,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="F", help="Draw which frames each policy holds over time (.png)."),
    ] = None,
    debug: DebugFlag = False,
) -> int:
    """Streams a set workload through every policy and prints the figures of its cache."""
    if budget < _STEP or budget % _STEP:
        raise ConfigError(f"--budget is {budget}: give a multiple of {_STEP}")
    if frames < _LEAST_FRAMES:
        raise ConfigError(f"--frames is {frames}: give {_LEAST_FRAMES} or more")
    if plot is not None:
        require_drawing(plot)
    import torch

    from vidcache.cli.cache_look_ups import look_up_archive, look_up_prefixes
    from vidcache.cli.cache_workload import Workload, budget_policies, measure_turns, run_policy
    from vidcache.head import HeadConfig

    if threads:
        torch.set_num_threads(threads)
    config = HeadConfig(
        in_features=width, width=width, depth=depth, num_heads=heads, num_iterations=iterations,
        num_outputs=16, layer_scale=0.3,
    )  # fmt: skip
    workload = Workload.draw(config, frames)
    policies = budget_policies(budget)
    runs: list[CacheRun] = []
    with show_progress("policies", len(policies)) as progress:
        for policy in policies:
            runs.append(run_policy(workload, policy))
            progress.advance(type(policy).__name__)
    times = measure_turns(workload, runs, rounds)
    print(
        f"{frames} frames in {len(workload.cuts)} shots; width {width}, depth {depth}, "
        f"{iterations} passes, {torch.get_num_threads()} thread(s), float32; "
        f"times are medians of {rounds} turns\n"
    )
    _print_policies(runs, times)
    _print_look_ups([look_up_archive(workload, budget), look_up_prefixes(workload, budget)])
    if plot is not None:
        from vidcache.cli.cache_picture import draw_held_frames

        draw_held_frames(runs, workload.cuts, plot)
        show_message(f"wrote {plot}")
    return 0


def _print_policies(runs: list[CacheRun], times: list[tuple[float, ...]]) -> None:
    columns = (
        "policy", "capacity", "bytes", "bytes, paged", "occupancy", "appended",
        "evicted by reach", "evicted by score", "exact", "look-up of a slot",
        "step / SlidingWindow", "step, paged / dense", "paged = dense",
    )  # fmt: skip
    print(f"| {' | '.join(columns)} |")
    print(f"| --- |{' ---: |' * (len(columns) - 1)}")
    for run, (look_up, ratio, paged_ratio) in zip(runs, times, strict=True):
        stats = run.stats
        since = stats.inexact_since[0]
        cells = (
            type(run.policy).__name__,
            str(run.policy.capacity),
            f"{stats.nbytes:,}",
            f"{run.paged_nbytes:,}",
            f"{stats.occupancy:.2f}",
            str(stats.appended),
            str(stats.evicted_by["reach"]),
            str(stats.evicted_by["score"]),
            "yes" if since is None else f"until frame {since}",
            f"{look_up * 1e6:.0f} µs",
            f"{ratio:.2f}",
            f"{paged_ratio:.2f}",
            "yes" if run.paged_is_equal else "NO",
        )
        print(f"| {' | '.join(cells)} |")


def _print_look_ups(rows: list[LookUps]) -> None:
    print("\n| looked up | hits | misses | bytes | time, a look-up |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for row in rows:
        cells = (row.name, str(row.hits), str(row.misses), f"{row.nbytes:,}")
        print(f"| {' | '.join(cells)} | {row.seconds * 1e6:.0f} µs |")
