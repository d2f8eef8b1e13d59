"""How old the picture of a result is, glass to result, minute by minute, and whether that creeps.

    python scripts/bench_latency.py [--minutes 10] [--json OUT] [-- flags of vidcache run]

A synthetic camera writes the time into every picture. `vidcache run`, with its default model and
detector and in a process of its own, watches it over a real RTSP server, behind a real encoder,
and then without encoder and network. The stamp is read from the picture that goes to the models;
the result is there when its line is seen in the file, which is looked at every 5 ms. Camera,
program and file share the clock of one machine, and its processors. It ends with 1 if the median
age of the last minute is over --bound times that of the first and 10 ms more than it, or if the
time in more than one picture of a hundred could not be read.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from latency_lab import StampedCamera, StampedRun, stamped_graph, watch_stamped

_SCENE = Path(__file__).parents[1] / "sample_videos" / "actions.mp4"
_SPAN_SECONDS = 60.0
_FEWEST_SPANS = 4
_LEAST_CREEP_MS = 10.0
_MOST_UNREADABLE = 0.01
_AGES = ("p50_ms", "p95_ms", "p99_ms", "most_ms", "decoded_p50_ms")


def main() -> int:
    """Measure the variants, print their tables; 1 if one creeps or cannot be read."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="of each variant")
    parser.add_argument("--rate", type=int, default=30, help="pictures a second")
    parser.add_argument("--scene", type=Path, default=_SCENE, help="video that the camera shows")
    parser.add_argument("--only", choices=["rtsp", "local"])
    parser.add_argument("--bound", type=float, default=1.25, help="of last minute / first minute")
    parser.add_argument("--settle", type=float, default=10.0, help="seconds left out at the begin")
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument("flags", nargs="*", help="further flags of vidcache run, after --")
    options = parser.parse_args()
    figures: dict[str, dict[str, Any]] = {}
    for variant in [options.only] if options.only else ["rtsp", "local"]:
        figures[variant] = describe(measure(variant, options), options.bound)
        print_variant(variant, figures[variant])
    if options.json is not None:
        settings = {"minutes": options.minutes, "rate": options.rate, "flags": options.flags}
        options.json.write_text(json.dumps(settings | {"variants": figures}, indent=1) + "\n")
    return 0 if all(one["ok"] for one in figures.values()) else 1


def measure(variant: str, options: argparse.Namespace) -> StampedRun:
    """Watch the camera over RTSP or as it is."""
    seconds = 60 * options.minutes
    spans = max(_FEWEST_SPANS, round(seconds / _SPAN_SECONDS))
    graph = stamped_graph(options.scene, options.rate)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        source = f"lavfi:{graph}"
        if variant == "rtsp":
            source = stack.enter_context(StampedCamera(graph, options.rate)).url
        return watch_stamped(
            source,
            folder,
            options.flags,
            rate=options.rate,
            settle_seconds=options.settle,
            edges=[float(edge) for edge in np.linspace(0, seconds, spans + 1)],
        )


def describe(run: StampedRun, bound: float) -> dict[str, Any]:
    """The figures of a run, and whether it is as it should be."""
    spans = run.ages.spans(run.edges)
    first, last = spans[0].p50_ms, spans[-1].p50_ms
    creeps = last > bound * first and last - first > _LEAST_CREEP_MS
    return {
        "ok": not creeps and run.unreadable <= _MOST_UNREADABLE * run.shown,
        "creep": round(last / first, 3),
        "creep_p99": round(spans[-1].p99_ms / spans[0].p99_ms, 3),
        "memory": round(run.mib[-1] / run.mib[0], 4),
        "whole": asdict(run.ages.whole()),
        "spans": [
            asdict(span) | {"mib": round(mib, 1)} for span, mib in zip(spans, run.mib, strict=True)
        ],
        "made": run.made,
        "decoded": run.decoded,
        "shown": run.shown,
        "unreadable": run.unreadable,
        "dropped_by_cause": dict(run.dropped_by_cause),
        "exit_code": run.exit_code,
    }


def print_variant(variant: str, figures: Mapping[str, Any]) -> None:
    """The table of a run and what it comes to."""
    where = "over RTSP" if variant == "rtsp" else "without encoder and network"
    marks = "p50 ms | p95 ms | p99 ms | max ms | at the decoder, p50 ms"
    print(f"\n{where}\n\n| span | shown | {marks} | MiB |\n| --- |{' ---: |' * 7}")
    rows = [(str(number), span) for number, span in enumerate(figures["spans"], 1)]
    for name, span in [*rows, ("all", figures["whole"])]:
        cells = [f"{span[key]:.0f}" for key in _AGES]
        cells.append(f"{span['mib']:.0f}" if "mib" in span else "")
        print(f"| {name} | {span['shown']} | {' | '.join(cells)} |")
    dropped = figures["dropped_by_cause"]
    causes = ", ".join(f"{cause} {count}" for cause, count in dropped.items() if count) or "none"
    print(
        f"\nlast / first span: median {figures['creep']:.2f}, p99 {figures['creep_p99']:.2f}, "
        f"memory {figures['memory']:.3f}: {'fine' if figures['ok'] else 'NOT FINE'}\n"
        f"of {figures['made']} pictures {figures['decoded']} were decoded and {figures['shown']} "
        f"shown ({100 * figures['shown'] / figures['made']:.1f} %); dropped, from start to end: "
        f"{causes}; time not readable in {figures['unreadable']}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
