"""How the whole program bears more and more cameras at once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from vidcache.bench.memory import resident_bytes
from vidcache.config import REUSE_GATE
from vidcache.frames import FrameResult
from vidcache.head import plan
from vidcache.pipeline import Feed, Pipeline, open_watched
from vidcache.video import open_source

__all__ = [
    "CameraFigures",
    "CameraPoint",
    "count_flops",
    "measure_cameras",
    "reading_seconds",
]

_SETTLE_SECONDS = 1.5
_MARKS = (50, 95, 99)
_READ_FRAMES = 100


@dataclass(frozen=True)
class CameraPoint:
    """Cameras that are watched together.

    Attributes:
        cameras: How many.
        reuse: Whether the encoder computes only what changed.
    """

    cameras: int
    reuse: bool = False


@dataclass(eq=False)
class CameraFigures:
    """What was measured at one point, all its turns together.

    Attributes:
        point: The point.
        seconds: How long was measured.
        cpu_seconds: Processor time of the whole process in it, cameras included.
        due: Frames that the cameras sent.
        ages: Seconds from the decoder to the result, frame by frame that was shown.
        stage_seconds: Seconds of each stage, all frames shown added up.
        resident_bytes: Memory of the process at the end of each turn.
    """

    point: CameraPoint
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    due: int = 0
    ages: list[float] = field(default_factory=list[float])
    stage_seconds: dict[str, float] = field(default_factory=dict[str, float])
    resident_bytes: list[int] = field(default_factory=list[int])

    @property
    def frames_a_second(self) -> float:
        """Frames shown in a second, of all cameras."""
        return len(self.ages) / self.seconds

    @property
    def cpu_ms_a_frame(self) -> float:
        """Milliseconds of one processor for a frame that is shown."""
        return 1000 * self.cpu_seconds / len(self.ages)

    def to_dict(self, first: CameraFigures) -> dict[str, Any]:
        """The figures as plain values.

        Args:
            first: The point that ratios are told against.
        """
        p50, p95, p99 = (1000 * float(mark) for mark in np.percentile(self.ages, _MARKS))
        return {
            "cameras": self.point.cameras,
            "reuse": self.point.reuse,
            "throughput_ratio": round(self.frames_a_second / first.frames_a_second, 3),
            "age_ratio": round(p50 / 1000 / float(np.median(first.ages)), 3),
            "cpu_ratio": round(self.cpu_ms_a_frame / first.cpu_ms_a_frame, 3),
            "frames_a_second": round(self.frames_a_second, 2),
            "shown_share": round(min(1.0, len(self.ages) / self.due), 4),
            "p50_ms": round(p50, 1),
            "p95_ms": round(p95, 1),
            "p99_ms": round(p99, 1),
            "cpu_ms_a_frame": round(self.cpu_ms_a_frame, 2),
            "processors": round(self.cpu_seconds / self.seconds, 2),
            "stages_ms": {
                name: round(1000 * seconds / len(self.ages), 3)
                for name, seconds in self.stage_seconds.items()
            },
            "resident_bytes": self.resident_bytes[0],
            "frames": len(self.ages),
        }


def reading_seconds(graph: str) -> float:
    """Processor seconds that decoding a frame takes, without looking at it."""
    with open_source(graph) as source:
        list(islice(source, 10))
        begin = time.process_time()
        frames = sum(1 for _ in islice(source, _READ_FRAMES))
        return (time.process_time() - begin) / frames


def count_flops(pipeline: Pipeline) -> dict[str, int]:
    """Arithmetic of a frame in encoder and head; a product of matrices m×k and k×n is 2·m·k·n.

    Args:
        pipeline: The models; without an action model nothing is counted.
    """
    model = pipeline.model
    if model is None:
        return {}
    encoder = model.encoder
    height, width = encoder.image_size
    device = next(encoder.vit.parameters()).device
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        encoder.vit.forward_features(torch.zeros(1, 3, height, width, device=device))
    return {"encode": counter.get_total_flops(), "head": plan(model.head.config).flops}


def measure_cameras(
    pipeline: Pipeline,
    graph: str,
    points: Sequence[CameraPoint],
    *,
    rate: int,
    seconds: float,
    rounds: int,
    advance: Callable[[str], None] = lambda _: None,
) -> dict[CameraPoint, CameraFigures]:
    """Watches cameras with one set of models, point after point, in turns.

    Args:
        pipeline: Models, and the settings of the run.
        graph: What each camera shows.
        points: What is measured.
        rate: Frames a second of each camera.
        seconds: How long a turn of each point is measured, when the first results are there.
        rounds: Turns.
        advance: Called after each turn of a point.

    Raises:
        SourceError: The cameras show nothing.
    """
    config = pipeline.config
    found = {point: CameraFigures(point) for point in points}
    for _ in range(rounds):
        for point, figures in found.items():
            gate = REUSE_GATE if point.reuse else None
            settings = config.model_copy(
                update={"encoder": config.encoder.model_copy(update={"reuse": gate})}
            )
            watcher = Pipeline(pipeline.model, pipeline.tracker, config=settings)
            _watch(watcher, f"{graph},realtime", figures, rate, seconds)
            advance(f"{point.cameras} cameras")
    return found


def _watch(pipeline: Pipeline, uri: str, figures: CameraFigures, rate: int, seconds: float) -> None:
    """One turn of a point."""
    feeds = [
        Feed(str(number), open_watched(uri, pipeline.config))
        for number in range(figures.point.cameras)
    ]
    begin = cpu = time_left = 0.0
    results = pipeline.run_many(feeds)
    with contextlib.closing(results):  # pyright: ignore[reportArgumentType]
        for _, result in results:
            now = time.perf_counter()
            time_left = time_left or now + _SETTLE_SECONDS
            if now < time_left:
                continue
            if not begin:
                begin, cpu = now, time.process_time()
            _count(figures, result)
            if now - begin > seconds:
                break
        watched = time.perf_counter() - begin
        figures.seconds += watched
        figures.cpu_seconds += time.process_time() - cpu
        figures.due += round(figures.point.cameras * rate * watched)
        figures.resident_bytes.append(resident_bytes())


def _count(figures: CameraFigures, result: FrameResult) -> None:
    figures.ages.append(time.time() - (result.time or 0.0))
    stages: Mapping[str, float] = result.timings
    for name, spent in stages.items():
        figures.stage_seconds[name] = figures.stage_seconds.get(name, 0.0) + spent
