"""``vidcache bench scale``: how speed, latency and memory grow with what is asked of a machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from vidcache.cli.byte_sizes import show_bytes
from vidcache.cli.console import show_message, show_progress
from vidcache.cli.json_file import write_json
from vidcache.cli.options import DebugFlag
from vidcache.cli.table import print_table
from vidcache.errors import ConfigError, SourceError

__all__ = ["bench_scale"]

_HEAD_SECONDS = 75.0
_CAMERA_SECONDS = 6.0
_CAMERA_ROUNDS = 2
_CAMERA_SIZE = (640, 480)
_NONE = "none"


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
    threads: Annotated[int, typer.Option(help="Threads; 0 leaves the choice to PyTorch.")] = 0,
    model: Annotated[str, typer.Option(metavar="NAME|PATH", help="Action model.")] = "tiny",
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
        "streams": _numbers(streams, "--streams"),
        "window": _numbers(windows, "--windows"),
        "iterations": _numbers(iterations, "--iterations"),
    }
    watched = [] if cameras == _NONE else _numbers(cameras, "--cameras")
    if quick:
        axes = {name: numbers[:3] for name, numbers in axes.items()}
        watched = watched[:2]
    if video is not None and not video.is_file():
        raise ConfigError(f"--video is {video}: give the path of a file that is there")
    if plot is not None:
        _require_drawing(plot)
    import torch

    if threads:
        torch.set_num_threads(threads)
    figures: dict[str, Any] = {
        "machine": _describe_machine(torch.get_num_threads()),
        "head": {"width": width, "depth": depth, "heads": heads},
        "axes": _measure_heads(axes, width, depth, heads, _HEAD_SECONDS / (8 if quick else 1)),
    }
    _print_heads(figures)
    if watched:
        settings = {"model": model, "detector": detector}
        figures["cameras"] = _measure_cameras(watched, settings, video, rate, reuse, quick)
        _print_cameras(figures["cameras"])
    if json_path is not None:
        write_json(json_path, figures)
        show_message(f"wrote {json_path}")
    if plot is not None:
        from vidcache.cli.scale_picture import draw_scale

        draw_scale(figures, plot)
        show_message(f"wrote {plot}")
    return 0


def _numbers(text: str, flag: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise ConfigError(
            f"{flag} is {text!r}: give whole numbers from 1 with commas between, such as 1,2,4"
        )
    return numbers


def _require_drawing(plot: Path) -> None:
    if not plot.parent.is_dir():
        raise ConfigError(f"--plot is {plot}: {plot.parent} is no folder")
    if find_spec("matplotlib") is None:
        raise ConfigError("--plot needs matplotlib: pip install 'vidcache[run]'")


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


def _measure_cameras(
    numbers: Sequence[int],
    settings: Mapping[str, str],
    video: Path | None,
    rate: int,
    reuse: bool,
    quick: bool,
) -> dict[str, Any]:
    from vidcache.bench.scale_cameras import (
        CameraPoint,
        camera_graph,
        measure_cameras,
        reading_seconds,
    )
    from vidcache.config import Config

    graph = camera_graph(_shown(video), rate, _CAMERA_SIZE)
    points = [CameraPoint(number) for number in numbers]
    points += [CameraPoint(number, reuse=True) for number in numbers if reuse]
    rounds = 1 if quick else _CAMERA_ROUNDS
    with show_progress("cameras", rounds * len(points)) as progress:
        read = reading_seconds(graph)
        found = measure_cameras(
            Config(**settings),  # pyright: ignore[reportArgumentType]
            graph,
            points,
            rate=rate,
            seconds=_CAMERA_SECONDS,
            rounds=rounds,
            advance=progress.advance,
        )
    return {
        "rate": rate,
        **settings,
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


def _print_heads(figures: Mapping[str, Any]) -> None:
    machine, head = figures["machine"], figures["head"]
    print(
        f"a head of width {head['width']}, depth {head['depth']}, float32, on "
        f"{machine['threads']} thread(s) of {machine['processors']} processors; ratios are medians "
        "over turns"
    )
    for axis, rows in figures["axes"].items():
        others = {"streams": 1, "window": 64, "iterations": 4}
        others.pop(axis)
        fixed = ", ".join(f"{name} {number}" for name, number in others.items())
        print(f"\n{axis} grow(s): {fixed}; {rows[0]['steps']} steps of each\n")
        print_table(
            (
                axis, "step", "throughput", "bytes", "frames/s", "p50 ms", "p95 ms", "p99 ms",
                "state", "as planned", "process grew", "then crept",
            ),
            [_head_row(axis, row) for row in rows],
        )  # fmt: skip


def _head_row(axis: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        str(row[axis]),
        *(f"{row[key]:.2f}x" for key in ("step_ratio", "throughput_ratio", "bytes_ratio")),
        f"{row['frames_a_second']:.1f}",
        *(f"{row[key]:.2f}" for key in ("p50_ms", "p95_ms", "p99_ms")),
        show_bytes(row["nbytes"]),
        "yes" if row["nbytes"] == row["planned_nbytes"] else "NO",
        show_bytes(max(0, row["grown_bytes"])),
        show_bytes(max(0, row["crept_bytes"])),
    )


def _print_cameras(found: Mapping[str, Any]) -> None:
    print(
        f"\ncameras of {found['rate']} frames a second; model {found['model']}, detector "
        f"{found['detector']}; ages count from the decoder\n"
    )
    print_table(
        (
            "cameras", "throughput", "age", "CPU a frame", "frames/s", "shown", "p50 ms", "p95 ms",
            "p99 ms", "CPU ms a frame", "processors", "process",
        ),
        [
            (
                f"{row['cameras']}{', reuse' if row['reuse'] else ''}",
                *(f"{row[key]:.2f}x" for key in ("throughput_ratio", "age_ratio", "cpu_ratio")),
                f"{row['frames_a_second']:.1f}",
                f"{100 * row['shown_share']:.0f} %",
                *(f"{row[key]:.0f}" for key in ("p50_ms", "p95_ms", "p99_ms")),
                f"{row['cpu_ms_a_frame']:.1f}",
                f"{row['processors']:.2f}",
                show_bytes(row["resident_bytes"]),
            )
            for row in found["points"]
        ],
    )  # fmt: skip
    print(f"\nreading a frame of a camera takes {found['read_cpu_ms']:.2f} ms of a processor")
