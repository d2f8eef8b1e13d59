"""Computes what larger machines would carry; prints the tables of docs/SCALE.md.

    vidcache bench scale --reuse --video VIDEO --json tiny.json
    python scripts/scale_on_paper.py tiny.json [MORE.json …] [--pipeline PIPELINE.json]

Each file is one pair of a model and a detector, measured by `vidcache bench scale`; PIPELINE.json
is that of `scripts/bench_pipeline.py`. Nothing is measured here.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scale_paper import ASSUMPTIONS, GPUS, MODES, Capacity, FrameCost, Gpu, Mode, carried

from vidcache.cache import SlidingWindow
from vidcache.head import HeadConfig, plan
from vidcache.model.model_file import find_model, read_config

_RATES = (10, 15, 30)
_MACHINES = (1, 2, 4, 16, 64)
_WINDOWS = (16, 64, 256, 1024)
_STREAMS = (1, 16, 128, 1024)
_BYTES_A_WEIGHT = 4


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figures", nargs="+", type=Path, metavar="SCALE.json")
    parser.add_argument("--pipeline", type=Path, metavar="PIPELINE.json")
    options = parser.parse_args()
    found = [json.loads(path.read_text(encoding="utf-8")) for path in options.figures]
    pipeline = options.pipeline and json.loads(options.pipeline.read_text(encoding="utf-8"))
    print("\n".join(document(found, pipeline)))


def document(found: Sequence[Mapping[str, Any]], pipeline: Mapping[str, Any] | None) -> list[str]:
    """The lines of all tables.

    Args:
        found: Figures of ``vidcache bench scale``; the first ones hold the head's too.
        pipeline: Figures of ``bench_pipeline.py``.
    """
    pairs = [Pair(figures["cameras"]) for figures in found]
    lines = ["## What was measured", "", *cost_table(pairs), ""]
    lines += [*growth_lines(found[0]), ""]
    lines += [f"## A machine of {ASSUMPTIONS.processors} processors, computed", ""]
    lines += [*machine_table(pairs), ""]
    if pipeline is not None:
        lines += [
            f"What a user composes today from the same models was measured to do 1/"
            f"{pipeline['ratio']:.1f} of the frames, and would carry that part of the cameras.",
            "",
        ]
    lines += ["## The same machine with a GPU, computed", "", *gpu_table(pairs), ""]
    lines += ["## A cluster, computed", "", *cluster_table(pairs), ""]
    lines += ["## Memory of the state, exact", "", *state_table(), ""]
    lines += ["## Assumptions", ""]
    return lines + [f"{number}. {line}" for number, line in enumerate(ASSUMPTIONS.lines(), 1)]


class Pair:
    """A model and a detector, with what they cost."""

    def __init__(self, cameras: Mapping[str, Any]) -> None:
        self.name = f"{cameras['model']}, {cameras['detector']}"
        self._costs = {reuse: FrameCost.measured(cameras, reuse=reuse) for reuse in (False, True)}
        dense = [row for row in cameras["points"] if not row["reuse"]]
        few, many = dense[0], dense[-1]
        self.process_bytes = few["resident_bytes"]
        grown = max(0, many["resident_bytes"] - few["resident_bytes"])
        self.camera_bytes = grown / max(1, many["cameras"] - few["cameras"])
        self.head = plan(read_config(find_model(cameras["model"])).head)

    def cost(self, mode: Mode) -> FrameCost:
        """What a frame costs in a mode."""
        cost = self._costs[mode.reuse]
        return cost.sparse(ASSUMPTIONS.detect_every) if mode.sparse else cost

    def carried(self, mode: Mode, rate: float, gpu: Gpu | None = None) -> Capacity:
        """How many cameras the machine carries."""
        return carried(
            self.cost(mode),
            rate,
            ASSUMPTIONS,
            process_bytes=self.process_bytes,
            camera_bytes=self.camera_bytes,
            state_bytes=self.head.nbytes_stream,
            head_bytes=_BYTES_A_WEIGHT * self.head.flops_projections / 2,
            gpu=gpu,
        )


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table; numbers stand at the right."""
    lines = [f"| {' | '.join(columns)} |", f"| --- |{' ---: |' * (len(columns) - 1)}"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def cost_table(pairs: Sequence[Pair]) -> list[str]:
    """What a frame costs."""
    stages = ("read", "encode", "head", "detect", "track")
    rows = [
        (
            f"{pair.name}: {mode.name}",
            *(f"{getattr(pair.cost(mode), stage):.1f}" for stage in stages),
            f"{pair.cost(mode).total:.1f}",
            f"{pair.process_bytes / 2**20:,.0f}",
            f"{pair.camera_bytes / 2**20:,.0f}",
        )
        for pair in pairs
        for mode in MODES[:2]
    ]
    columns = ("ms of one processor a frame", *stages, "together", "MiB a process", "MiB a camera")
    return table(columns, rows)


def growth_lines(figures: Mapping[str, Any]) -> list[str]:
    """How a step grows, axis by axis."""
    head = figures["head"]
    lines = [
        f"A step of a head of width {head['width']} and depth {head['depth']}, times the first of "
        "each row:",
        "",
    ]
    for axis, rows in figures["axes"].items():
        numbers = [str(row[axis]) for row in rows]
        lines += table(
            (axis, *numbers),
            [
                ("time of a step", *(f"{row['step_ratio']:.2f}" for row in rows)),
                ("frames a second", *(f"{row['throughput_ratio']:.2f}" for row in rows)),
                ("bytes of the state", *(f"{row['bytes_ratio']:.2f}" for row in rows)),
            ],
        )
        lines.append("")
    return lines[:-1]


def capacity_rows(
    pairs: Sequence[Pair], modes: Sequence[Mode], gpu: Gpu | None = None
) -> list[tuple[str, ...]]:
    """Cameras at each rate, and what runs out first at the lowest."""
    before = f"{gpu.name}: " if gpu else ""
    return [
        (
            f"{before}{pair.name}: {mode.name}",
            *(f"{pair.carried(mode, rate, gpu).cameras:,}" for rate in _RATES),
            " / ".join(dict.fromkeys(pair.carried(mode, rate, gpu).first for rate in _RATES)),
        )
        for pair in pairs
        for mode in modes
    ]


def machine_table(pairs: Sequence[Pair]) -> list[str]:
    """Cameras without a GPU."""
    rates = tuple(f"cameras at {rate}/s" for rate in _RATES)
    return table(("", *rates, "runs out first"), capacity_rows(pairs, MODES))


def gpu_table(pairs: Sequence[Pair]) -> list[str]:
    """Cameras with a GPU; reuse is left out, since a GPU gains little from fewer patches."""
    rates = tuple(f"cameras at {rate}/s" for rate in _RATES)
    modes = [mode for mode in MODES if not mode.reuse]
    rows: list[tuple[str, ...]] = []
    for gpu in GPUS:
        alone = (
            f"{pair.carried(mode, _RATES[0], gpu).limits['GPU']:,}"
            for pair in pairs
            for mode in modes
        )
        rows += [
            (*row, own) for row, own in zip(capacity_rows(pairs, modes, gpu), alone, strict=True)
        ]
    return table(("", *rates, "runs out first", f"the GPU alone, at {_RATES[0]}/s"), rows)


def cluster_table(pairs: Sequence[Pair]) -> list[str]:
    """Cameras of k machines at the lowest rate."""
    rate, dense = _RATES[0], MODES[0]
    rows: list[tuple[str, ...]] = []
    for pair in pairs:
        for gpu in (None, GPUS[0]):
            each = pair.carried(dense, rate, gpu).cameras
            name = f"{pair.name}: dense, {gpu.name if gpu else 'no GPU'}"
            counts = (max(1, k - ASSUMPTIONS.spare_machines) * each for k in _MACHINES)
            rows.append((name, *(f"{count:,}" for count in counts)))
    machines = tuple(f"{k} machine{'s' if k > 1 else ''}" for k in _MACHINES)
    return table((f"cameras at {rate}/s", *machines), rows)


def state_table() -> list[str]:
    """Bytes of the caches of many streams."""
    head = HeadConfig(384, 384, depth=4, num_heads=6, num_iterations=4, num_outputs=16)
    rows: list[tuple[str, ...]] = []
    for key_format in ("fp32", "int8"):
        for window in _WINDOWS:
            config = replace(head, eviction=SlidingWindow(window))
            costs = [
                plan(config, streams, key_format=key_format, value_format=key_format)
                for streams in _STREAMS
            ]
            cells = (f"{cost.nbytes / 2**20:,.1f}" for cost in costs)
            rows.append((f"window {window}, {key_format}", *cells))
    streams = tuple(f"{number:,} stream{'s' if number > 1 else ''}" for number in _STREAMS)
    return table(("MiB; width 384, depth 4, 4 passes", *streams), rows)


if __name__ == "__main__":
    main()
