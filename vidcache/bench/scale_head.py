"""How the head's steps and its memory grow with streams, windows and iterations."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from vidcache.bench.memory import resident_bytes
from vidcache.cache import HeadState, SlidingWindow
from vidcache.head import CameraHead, HeadConfig, plan

__all__ = ["HeadFigures", "HeadPoint", "axis_points", "measure_heads"]

_CALLS_A_TURN = 3
_WARM_TURNS = 2
_LEAST_TURNS = 4
# Longer chunks fill a window faster, and leave more behind in the process's memory.
_FILL_FRAMES = 32
_MARKS = (50, 95, 99)


@dataclass(frozen=True)
class HeadPoint:
    """One setting of the head.

    Attributes:
        streams: Streams stepped together.
        window: Frames of the sliding window.
        iterations: Refinement passes.
    """

    streams: int = 1
    window: int = 64
    iterations: int = 4


@dataclass(frozen=True, eq=False)
class HeadFigures:
    """What was measured at one point, with a full window.

    Attributes:
        point: The point.
        turns: Seconds of each step, turn by turn.
        nbytes: Bytes of the state, as it says itself.
        planned_nbytes: The same as ``vidcache plan`` says beforehand.
        grown_bytes: By how much the process grew when the state was made and filled.
        crept_bytes: By how much it grew while all points were stepped, shared by all of them.
        flops: Arithmetic of a frame that is stepped alone.
    """

    point: HeadPoint
    turns: Sequence[Sequence[float]]
    nbytes: int
    planned_nbytes: int
    grown_bytes: int
    crept_bytes: int
    flops: int

    @property
    def percentiles_ms(self) -> tuple[float, float, float]:
        """Median, 95th and 99th percentile of a step, in milliseconds."""
        p50, p95, p99 = np.percentile(
            np.concatenate([np.array(turn) for turn in self.turns]), _MARKS
        )
        return 1000 * float(p50), 1000 * float(p95), 1000 * float(p99)

    @property
    def frames_a_second(self) -> float:
        """Frames of all streams in a second, by the median step."""
        return 1000 * self.point.streams / self.percentiles_ms[0]

    def times_of(self, first: HeadFigures) -> float:
        """How many times a step of another point lasts, median of the turns."""
        pairs = zip(self.turns, first.turns, strict=True)
        return statistics.median(
            statistics.median(own) / statistics.median(other) for own, other in pairs
        )

    def to_dict(self, first: HeadFigures) -> dict[str, Any]:
        """The figures as plain values.

        Args:
            first: The point that ratios are told against.
        """
        p50, p95, p99 = self.percentiles_ms
        times = self.times_of(first)
        return {
            "streams": self.point.streams,
            "window": self.point.window,
            "iterations": self.point.iterations,
            "step_ratio": round(times, 3),
            "throughput_ratio": round(self.point.streams / first.point.streams / times, 3),
            "bytes_ratio": round(self.nbytes / first.nbytes, 3),
            "frames_a_second": round(self.frames_a_second, 2),
            "p50_ms": round(p50, 3),
            "p95_ms": round(p95, 3),
            "p99_ms": round(p99, 3),
            "nbytes": self.nbytes,
            "planned_nbytes": self.planned_nbytes,
            "grown_bytes": self.grown_bytes,
            "crept_bytes": self.crept_bytes,
            "flops": self.flops,
            "steps": sum(len(turn) for turn in self.turns),
        }


def axis_points(
    centre: HeadPoint, axes: Mapping[str, Sequence[int]]
) -> dict[str, tuple[HeadPoint, ...]]:
    """The points of each axis through a centre.

    Args:
        centre: What the other two settings are.
        axes: The numbers of each field of `HeadPoint`.

    Example:
        >>> axis_points(HeadPoint(), {"streams": [1, 8]})["streams"][1]
        HeadPoint(streams=8, window=64, iterations=4)
    """
    return {
        name: tuple(replace(centre, **{name: number}) for number in numbers)
        for name, numbers in axes.items()
    }


def measure_heads(
    config: HeadConfig,
    points: Sequence[HeadPoint],
    *,
    seconds: float,
    advance: Callable[[str], None] = lambda _: None,
) -> dict[HeadPoint, HeadFigures]:
    """Steps heads of all points in turns, so that they share whatever else the machine does.

    Args:
        config: Settings of the head; window and iterations are those of the points.
        points: What is measured; one that stands there twice is measured once.
        seconds: When to begin no further turn; there are four at the least.
        advance: Called once a turn.
    """
    # A process is larger after its first step, whatever is stepped.
    _Stepped.make(config, HeadPoint(iterations=1))
    stepped = [_Stepped.make(config, point) for point in dict.fromkeys(points)]
    begin = time.perf_counter()
    before = 0
    while True:
        turns = len(stepped[0].turns) - _WARM_TURNS
        if turns >= _LEAST_TURNS and time.perf_counter() - begin > seconds:
            break
        for one in stepped:
            one.take_turn()
        # The first turns load code and weights, and are not counted.
        if turns + 1 == 0:
            before = resident_bytes()
        advance(f"turn {turns + 1 + _WARM_TURNS}")
    crept = resident_bytes() - before
    return {one.point: one.figures(crept) for one in stepped}


@dataclass(eq=False)
class _Stepped:
    """A head, a full state, and the steps so far."""

    point: HeadPoint
    head: CameraHead
    state: HeadState
    frame: torch.Tensor
    planned_nbytes: int
    grown_bytes: int
    flops: int
    turns: list[list[float]]

    @classmethod
    def make(cls, config: HeadConfig, point: HeadPoint) -> _Stepped:
        settings = replace(
            config, num_iterations=point.iterations, eviction=SlidingWindow(point.window)
        )
        torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
        head = CameraHead(settings).eval()
        num_frames = min(point.window, max(1, _FILL_FRAMES // point.streams))
        chunk = torch.randn(point.streams, num_frames, settings.in_features)
        before = resident_bytes()
        state = head.init_state(batch_size=point.streams)
        with torch.no_grad():
            for _ in range(0, point.window, num_frames):
                head.step(chunk, state)
        costs = plan(settings, point.streams)
        return cls(
            point, head, state, chunk[:, :1].contiguous(), costs.nbytes,
            resident_bytes() - before, costs.flops, [],
        )  # fmt: skip

    def take_turn(self) -> None:
        times: list[float] = []
        with torch.no_grad():
            for _ in range(_CALLS_A_TURN):
                start = time.perf_counter()
                self.head.step(self.frame, self.state)
                times.append(time.perf_counter() - start)
        self.turns.append(times)

    def figures(self, crept: int) -> HeadFigures:
        return HeadFigures(
            self.point, self.turns[_WARM_TURNS:], self.state.nbytes, self.planned_nbytes,
            self.grown_bytes, crept, self.flops,
        )  # fmt: skip
