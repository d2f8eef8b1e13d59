"""The set workload of ``vidcache bench cache``: a stream of shots, and every policy on it."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vidcache.cache import (
    BlockPool,
    CacheStats,
    Composed,
    EvictionPolicy,
    HeadState,
    HeavyHitter,
    LeastNovel,
    LeastRecentlyAttended,
    LogSpaced,
    SinkWindow,
    SlidingWindow,
    TimeWindow,
)
from vidcache.head import CameraHead, HeadConfig

__all__ = ["CacheRun", "Workload", "budget_policies", "measure_turns", "run_policy"]

_FRAME_RATE = 25.0
_SINK_FRAMES = 4
# Where shots begin, as shares of the stream, and which of a few places each one shows.
_SHOTS = (
    (0.0, 0), (0.14, 1), (0.28, 2), (0.3, 1), (0.42, 3), (0.43, 4), (0.56, 0), (0.7, 5), (0.72, 2),
    (0.74, 5), (0.76, 2), (0.78, 5), (0.8, 2), (0.82, 5), (0.84, 2), (0.86, 5), (0.88, 2), (0.9, 1),
)  # fmt: skip
_RESTLESS_PLACE = 4
_NUM_PLACES = 6


@dataclass(frozen=True, eq=False)
class Workload:
    """A stream and the settings of the head that watches it.

    Attributes:
        config: Settings of the head; each policy takes its turn in them.
        features: The frames, (1, T, C).
        seconds: Their times, (1, T); the second half comes at half the rate.
        cuts: Numbers of the frames with which the shots begin.
    """

    config: HeadConfig
    features: Tensor
    seconds: Tensor
    cuts: tuple[int, ...]

    @classmethod
    def draw(cls, config: HeadConfig, num_frames: int) -> Workload:
        """Draws the stream: still shots, a restless one, flashes, and places that come again.

        Args:
            config: Settings of the head.
            num_frames: Frames T.
        """
        generator = torch.Generator().manual_seed(0)
        places = torch.randn(_NUM_PLACES, config.in_features, generator=generator)
        noise = torch.randn(num_frames, config.in_features, generator=generator)
        cuts = tuple(round(share * num_frames) for share, _ in _SHOTS)
        frames: list[Tensor] = []
        for (_, place), begin, end in zip(_SHOTS, cuts, (*cuts[1:], num_frames), strict=True):
            restlessness = 0.5 if place == _RESTLESS_PLACE else 0.02
            drift = 0.02 * noise[begin:end].cumsum(0)
            frames.append(places[place] + drift + restlessness * noise[begin:end])
        intervals = torch.ones(num_frames, dtype=torch.float64)
        intervals[num_frames // 2 :] = 2
        seconds = intervals.cumsum(0) / _FRAME_RATE
        return cls(config, torch.cat(frames)[None], seconds[None], cuts)

    def head(self, policy: EvictionPolicy) -> CameraHead:
        """Makes the head, with the same weights for every policy.

        Frames attend to those that look like them: without that, attention of a head that was
        never trained would be the same for all, and policies that judge by it had nothing to judge.
        """
        torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
        head = CameraHead(replace(self.config, eviction=policy)).eval()
        width = self.config.width
        with torch.no_grad():
            for block in head.trunk:
                weight = block.get_parameter("attn.qkv.weight")
                weight[:width] = 3 * weight[width : 2 * width]
        return head


def budget_policies(budget: int) -> list[EvictionPolicy]:
    """Returns policies that hold ``budget`` frames each.

    Args:
        budget: A multiple of 16.
    """
    return [
        SlidingWindow(budget),
        SinkWindow(budget - _SINK_FRAMES, _SINK_FRAMES),
        TimeWindow(budget / _FRAME_RATE, budget),
        LogSpaced(budget // 4, levels=6),
        LeastRecentlyAttended(budget),
        HeavyHitter(budget),
        LeastNovel(budget),
        Composed((LogSpaced(budget // 8, levels=6), LeastNovel(budget // 2, recent=1))),
    ]


@dataclass(frozen=True, eq=False)
class CacheRun:
    """What a policy made of the workload.

    Attributes:
        policy: The policy.
        stats: Figures of the dense cache at the end.
        held: After each frame, the numbers of the frames that were held.
        paged_nbytes: Bytes that the same stream took in a pool of blocks.
        paged_is_equal: Whether it gave the same predictions there, to the bit.
        states: The dense and the paged state, with their head.
    """

    policy: EvictionPolicy
    stats: CacheStats
    held: list[list[int]]
    paged_nbytes: int
    paged_is_equal: bool
    states: tuple[CameraHead, HeadState, HeadState]


def run_policy(workload: Workload, policy: EvictionPolicy) -> CacheRun:
    """Streams the workload frame by frame, dense and paged beside each other.

    Args:
        workload: The stream.
        policy: The policy.
    """
    head = workload.head(policy)
    dense = head.init_state()
    pool = BlockPool(head.config, budget_bytes=2 * dense.nbytes, block_size=8)
    paged = head.init_state(pool=pool)
    held: list[list[int]] = []
    equal = True
    for at in range(workload.features.shape[1]):
        frame, seconds = workload.features[:, at, None], workload.seconds[:, at, None]
        prediction = head.step(frame, dense, seconds).prediction
        equal &= torch.equal(prediction, head.step(frame, paged, seconds).prediction)
        held.append(dense.cached_frames())
    states = (head, dense, paged)
    return CacheRun(policy, dense.stats(), held, paged.nbytes, equal, states)


def measure_turns(workload: Workload, runs: list[CacheRun], rounds: int) -> list[tuple[float, ...]]:
    """Measures full caches in turns, so that all share whatever else the machine does.

    Args:
        workload: The stream that the runs have seen.
        runs: The runs; the first one is what the others are compared to.
        rounds: Turns of each.

    Returns:
        For each run the seconds of a look-up of a slot, the ratio of its step to that of the first
        run, and the ratio of its paged step to its dense one; medians over the turns.
    """
    frame, seconds = workload.features[:, -1:], workload.seconds[:, -1:]
    turns: list[list[tuple[float, float, float]]] = [[] for _ in runs]
    for turn in range(rounds + 2):
        for run, times in zip(runs, turns, strict=True):
            head, dense, paged = run.states
            begin = time.perf_counter()
            dense.slots.plan(dense.slots.next_times(1, seconds))
            planned = time.perf_counter()
            head.step(frame, dense, seconds)
            stepped = time.perf_counter()
            head.step(frame, paged, seconds)
            paged_seconds = time.perf_counter() - stepped
            # The first turns load code and are not counted.
            if turn >= 2:
                times.append((planned - begin, stepped - planned, paged_seconds))
    rows: list[tuple[float, ...]] = []
    for times in turns:
        plan = statistics.median(time[0] for time in times)
        pairs = zip(times, turns[0], strict=True)
        ratio = statistics.median(own[1] / first[1] for own, first in pairs)
        paged_ratio = statistics.median(time[2] / time[1] for time in times)
        rows.append((plan, ratio, paged_ratio))
    return rows
