"""A stream of very many steps: do time, memory and results stay what they were?"""

from __future__ import annotations

import statistics
import time

import torch
from torch import Tensor

from vidcache.bench.memory import resident_bytes
from vidcache.cache import HeadState, SlidingWindow
from vidcache.cli.console import show_progress
from vidcache.errors import ConfigError
from vidcache.head import CameraHead, HeadConfig

__all__ = ["bench_endurance"]

_WINDOW = 64
_SAMPLE = 1000
_LATE = 10**8
_LEAST_FRAMES = 5000


def bench_endurance(num_frames: int) -> None:
    """Steps a small head ``num_frames`` times and prints what grew.

    At the end the old stream and a young one whose window has just filled are stepped in turns,
    so that the comparison does not depend on what else the machine was doing in between.

    Args:
        num_frames: Steps of the stream.

    Raises:
        ConfigError: There are too few steps to compare the last ones with the first ones.
    """
    if num_frames < _LEAST_FRAMES:
        raise ConfigError(f"--frames is {num_frames}: give {_LEAST_FRAMES} or more")
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    head = CameraHead(
        HeadConfig(
            in_features=64, width=64, depth=2, num_heads=2, num_iterations=2, num_outputs=16,
            eviction=SlidingWindow(_WINDOW),
        )
    ).eval()  # fmt: skip
    clip = torch.randn(1, _SAMPLE, 64)
    state = head.init_state()
    nbytes = state.nbytes
    for at in range(_WINDOW):
        _step(head, clip, at, state)
    first = [_step(head, clip, at, state) for at in range(_WINDOW, _WINDOW + _SAMPLE)]
    memory = resident_bytes()
    with show_progress("steps", num_frames // _SAMPLE) as progress:
        for at in range(_WINDOW + _SAMPLE, num_frames - _SAMPLE):
            _step(head, clip, at, state)
            if at % _SAMPLE == 0:
                progress.advance(f"frame {at}")
    growth = resident_bytes() - memory

    young = head.init_state()
    for at in range(_WINDOW):
        _step(head, clip, at, young)
    old_times: list[float] = []
    young_times: list[float] = []
    for at in range(num_frames - _SAMPLE, num_frames):
        old_times.append(_step(head, clip, at, state))
        young_times.append(_step(head, clip, at, young))

    old, begun = statistics.median(old_times), statistics.median(first)
    ratio = old / statistics.median(young_times)
    print(f"steps                                 {int(state.num_seen):,}")
    print(f"median of the first full window's     {begun * 1e6:.0f} µs ({_SAMPLE} steps)")
    print(f"median of the last                    {old * 1e6:.0f} µs ({_SAMPLE} steps)")
    print(f"last / first                          {old / begun:.3f}")
    print(f"last / a young stream, in turns       {ratio:.3f}")
    print(f"bytes of the state, before and after  {nbytes:,} and {state.nbytes:,}")
    print(f"growth of the process's memory        {growth / 2**20:.2f} MiB")
    print(f"largest difference, a fresh clip      {_clip_difference(head, clip, state):.1e}")
    print(f"largest difference, begun at 10^8     {_late_difference(head, clip):.1e}")


def _step(head: CameraHead, clip: Tensor, at: int, state: HeadState) -> float:
    frame = clip[:, at % _SAMPLE : at % _SAMPLE + 1]
    start = time.perf_counter()
    head.step(frame, state)
    return time.perf_counter() - start


def _clip_difference(head: CameraHead, clip: Tensor, state: HeadState) -> float:
    """Largest relative difference between the old stream's next frames and one clip of them.

    The clip begins where the earliest frame lies that can reach the last window through all
    blocks of all passes, and knows nothing of what came before.
    """
    reach = head.config.num_iterations * head.config.depth * (_WINDOW - 1)
    first = int(state.num_seen) - reach
    numbers = torch.arange(first, int(state.num_seen) + _WINDOW) % _SAMPLE
    with torch.no_grad():
        expected = head(clip[:, numbers]).prediction[:, -_WINDOW:]
    stepped = [head.step(clip[:, at : at + 1], state).prediction for at in numbers[-_WINDOW:]]
    return float((torch.cat(stepped, dim=1) - expected).abs().max() / expected.abs().max())


def _late_difference(head: CameraHead, clip: Tensor) -> float:
    """Largest relative difference between a stream begun at frame 0 and one begun at 10^8."""
    early, late = head.init_state(), head.init_state(first_frame=_LATE)
    worst = 0.0
    for at in range(_SAMPLE):
        frame = clip[:, at : at + 1]
        expected = head.step(frame, early).prediction
        difference = head.step(frame, late).prediction - expected
        worst = max(worst, float(difference.abs().max() / expected.abs().max()))
    return worst
