"""The tables of ``vidcache bench scale``; ratios to the first row stand first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidcache.cli.byte_sizes import show_bytes
from vidcache.cli.table import print_table

__all__ = ["print_cameras", "print_heads"]

_PLURALS = {"streams": "streams", "window": "frames in the window", "iterations": "passes"}


def print_heads(figures: Mapping[str, Any]) -> None:
    """Prints a table for each number that grows.

    Args:
        figures: What the command writes as JSON.
    """
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
        print(f"\nmore {_PLURALS[axis]}, at {fixed}; {rows[0]['steps']} steps of each\n")
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


def print_cameras(found: Mapping[str, Any]) -> None:
    """Prints what more and more cameras cost.

    Args:
        found: ``cameras`` of what the command writes as JSON.
    """
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
