"""``vidcache bench head``: what a step of the camera head costs, and that it stays so."""

from __future__ import annotations

from typing import Annotated

import typer

from vidcache.cli.number_list import parse_numbers
from vidcache.cli.options import DebugFlag

__all__ = ["bench_head"]


def bench_head(
    windows: Annotated[
        str, typer.Option(help="Windows in frames, separated by commas.")
    ] = "64,256",
    width: Annotated[int, typer.Option(help="Width of the trunk.")] = 384,
    depth: Annotated[int, typer.Option(help="Blocks of the trunk.")] = 4,
    iterations: Annotated[int, typer.Option(help="Refinement passes.")] = 4,
    heads: Annotated[int, typer.Option(help="Attention heads.")] = 6,
    streams: Annotated[
        str, typer.Option(help="Streams stepped together, several with commas.")
    ] = "1",
    threads: Annotated[int, typer.Option(help="Threads; 0 leaves the choice to PyTorch.")] = 0,
    rounds: Annotated[int, typer.Option(help="Measurements of each kind, in turns.")] = 60,
    frames: Annotated[
        int, typer.Option(help="Instead, step a small head this often and look for growth.")
    ] = 0,
    debug: DebugFlag = False,
) -> int:
    """Measures a step of the head against other ways to get the same numbers, in one run."""
    import torch

    chosen = parse_numbers(windows, "--windows")
    together = parse_numbers(streams, "--streams")
    if threads:
        torch.set_num_threads(threads)
    if frames:
        from vidcache.cli.bench_endurance import bench_endurance

        bench_endurance(frames)
        return 0
    from vidcache.cli.bench_step import HEADER, bench_step
    from vidcache.head import HeadConfig

    config = HeadConfig(
        in_features=width,
        width=width,
        depth=depth,
        num_heads=heads,
        num_iterations=iterations,
        num_outputs=16,
    )
    print(
        f"width {width}, depth {depth}, {iterations} passes, {torch.get_num_threads()} thread(s); "
        f"medians of {rounds} turns\n"
    )
    print(HEADER)
    for num_streams in together:
        for window in chosen:
            print(bench_step(config, window, num_streams, rounds), flush=True)
    return 0
