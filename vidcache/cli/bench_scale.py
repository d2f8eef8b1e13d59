"""``vidcache bench scale``: how speed, latency and memory grow with what is asked of a machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from vidcache.cli.console import show_message, show_progress
from vidcache.cli.json_file import write_json
from vidcache.cli.number_list import parse_numbers
from vidcache.cli.options import DebugFlag, EncoderWeightsFlag
from vidcache.cli.plot_file import require_drawing
from vidcache.cli.scale_tables import print_cameras, print_heads
from vidcache.errors import ConfigError, SourceError, VidcacheError

__all__ = ["bench_scale"]

_HEAD_SECONDS = 75.0
_CAMERA_SECONDS = 6.0
_CAMERA_ROUNDS = 2
_CAMERA_SIZE = (640, 480)
_NONE = "none"


@dataclass(frozen=True)
class CameraJob:
    """What is measured of the whole program.

    Attributes:
        numbers: Numbers of cameras.
        models: Settings of a run that name its models.
        video: What cameras show; None for a test picture.
        rate: Frames a second of each.
        reuse: Whether token reuse is measured too.
        seconds: Of a turn.
        rounds: Turns.
    """

    numbers: Sequence[int]
    models: Mapping[str, str | None]
    video: Path | None
    rate: int
    reuse: bool
    seconds: float
    rounds: int


def bench_scale(
    streams: Annotated[
        str, typer.Option(metavar="N,N,…", help="Streams that the head steps together.")
    ] = "1,2,4,8,16,32",
    windows: Annotated[
        str, typer.Option(metavar="N,N,…", help="Windows in frames.")
    ] = "16,32,64,128,256,512,1024",
    iterations: Annotated[
        str, typer.Option(metavar="N,N,…", help="Refinement passes.")
    ] = "1,2,4,8",
    cameras: Annotated[
        str, typer.Option(metavar="N,N,…|none", help="Cameras that the program watches.")
    ] = "1,2,4,8",
    width: Annotated[int, typer.Option(help="Width of the head's trunk.")] = 384,
    depth: Annotated[int, typer.Option(help="Blocks of the trunk.")] = 4,
    heads: Annotated[int, typer.Option(help="Attention heads.")] = 6,
    threads: Annotated[
        int, typer.Option(help="Threads of the head; 0 leaves the choice to PyTorch.")
    ] = 0,
    model: Annotated[str, typer.Option(metavar="NAME|PATH", help="Action model.")] = "tiny",
    encoder_weights: EncoderWeightsFlag = None,
    detector: Annotated[
        str, typer.Option(metavar="NAME|PATH|none", help="Object detector.")
    ] = "bundled",
    video: Annotated[
        Path | None,
        typer.Option("--video", metavar="F", help="What cameras show. [default: the sample]"),
    ] = None,
    rate: Annotated[int, typer.Option(help="Frames a second of each camera.")] = 10,
    reuse: Annotated[
        bool, typer.Option("--reuse", help="Watch the cameras also with token reuse.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="A look in half a minute: few points, few turns.")
    ] = False,
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="Write the figures here.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the figures (.png).")
    ] = None,
    debug: DebugFlag = False,
) -> int:
    """Measures how throughput, latency and memory grow with streams, windows, passes and cameras.

    One number grows while the others stay at 1 stream, a window of 64 and 4 passes. All points are
    measured in turns; ratios are to the first point of each table.
    """
    axes = {
        "streams": parse_numbers(streams, "--streams"),
        "window": parse_numbers(windows, "--windows"),
        "iterations": parse_numbers(iterations, "--iterations"),
    }
    watched = [] if cameras == _NONE else parse_numbers(cameras, "--cameras")
    if quick:
        axes = {name: numbers[:3] for name, numbers in axes.items()}
        watched = watched[:2]
    if video is not None and not video.is_file():
        raise ConfigError(f"--video is {video}: give the path of a file that is there")
    if plot is not None:
        require_drawing(plot)
    import torch

    if threads:
        torch.set_num_threads(threads)
    figures: dict[str, Any] = {
        "machine": _describe_machine(torch.get_num_threads()),
        "head": {"width": width, "depth": depth, "heads": heads},
        "axes": _measure_heads(axes, width, depth, heads, _HEAD_SECONDS / (8 if quick else 1)),
    }
    print_heads(figures)
    if watched:
        models = {"model": model, "encoder_weights": encoder_weights, "detector": detector}
        rounds = 1 if quick else _CAMERA_ROUNDS
        figures["cameras"] = _in_a_fresh_process(
            CameraJob(watched, models, _shown(video), rate, reuse, _CAMERA_SECONDS, rounds)
        )
        print_cameras(figures["cameras"])
    if json_path is not None:
        write_json(json_path, figures)
        show_message(f"wrote {json_path}")
    if plot is not None:
        from vidcache.cli.scale_picture import draw_scale

        draw_scale(figures, plot)
        show_message(f"wrote {plot}")
    return 0


def _describe_machine(num_threads: int) -> dict[str, Any]:
    return {
        "processors": os.cpu_count() or 1,
        "threads": num_threads,
        "architecture": platform.machine(),
    }


def _measure_heads(
    axes: Mapping[str, Sequence[int]], width: int, depth: int, heads: int, seconds: float
) -> dict[str, list[dict[str, Any]]]:
    from vidcache.bench.scale_head import HeadPoint, axis_points, measure_heads
    from vidcache.head import HeadConfig

    config = HeadConfig(
        in_features=width, width=width, depth=depth, num_heads=heads, num_iterations=4,
        num_outputs=16,
    )  # fmt: skip
    points = axis_points(HeadPoint(), axes)
    with show_progress("head", None) as progress:
        found = measure_heads(
            config,
            [point for axis in points.values() for point in axis],
            seconds=seconds,
            advance=progress.advance,
        )
    return {
        name: [found[point].to_dict(found[axis[0]]) for point in axis]
        for name, axis in points.items()
    }


def _in_a_fresh_process(job: CameraJob) -> dict[str, Any]:
    """Watches the cameras where no other measurement has left its memory behind."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(_measure_cameras, job).result()
    if isinstance(found, str):
        raise VidcacheError(found)
    return found


def _measure_cameras(job: CameraJob) -> dict[str, Any] | str:
    """The figures, or what went wrong: not every error can be sent to another process."""
    from vidcache.bench.camera_graph import camera_graph
    from vidcache.bench.scale_cameras import (
        CameraPoint,
        count_flops,
        measure_cameras,
        reading_seconds,
    )
    from vidcache.config import Config
    from vidcache.pipeline import Pipeline

    graph = camera_graph(job.video, job.rate, _CAMERA_SIZE)
    points = [CameraPoint(number) for number in job.numbers]
    points += [CameraPoint(number, reuse=True) for number in job.numbers if job.reuse]
    try:
        pipeline = Pipeline.from_config(Config.model_validate(job.models), live=True)
        with show_progress("cameras", job.rounds * len(points)) as progress:
            found = measure_cameras(
                pipeline, graph, points, rate=job.rate, seconds=job.seconds, rounds=job.rounds,
                advance=progress.advance,
            )  # fmt: skip
        read = reading_seconds(graph)
    except VidcacheError as error:
        return str(error)
    return {
        "rate": job.rate,
        # Names alone: where a file lies is nobody's business who reads the figures.
        "model": Path(job.models["model"] or "").name,
        "detector": Path(job.models["detector"] or "").name,
        "flops": count_flops(pipeline),
        "read_cpu_ms": round(1000 * read, 3),
        "points": [found[point].to_dict(found[points[0]]) for point in points],
    }


def _shown(video: Path | None) -> Path | None:
    """The video that cameras show; None for a test picture, where there is no sample."""
    from vidcache.cli.demo import find_sample

    try:
        return video or find_sample()
    except SourceError:
        return None
