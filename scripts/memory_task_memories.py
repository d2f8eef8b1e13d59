"""The memories that the memory task compares, and how they are asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from memory_task_head import CONFIG, EVERYTHING
from memory_task_scenes import SCENES, Stream, ask, draw_stream
from torch import Tensor

from vidcache import (
    ArchiveConfig,
    CameraHead,
    Composed,
    EvictionPolicy,
    HeavyHitter,
    LeastNovel,
    LeastRecentlyAttended,
    LogSpaced,
    PinnedFrames,
    SinkWindow,
    SlidingWindow,
)

DELAYS = (50, 100, 200, 500, 1000, 2000)

_SINK_FRAMES = 4
_CHUNK = 32
_BLOCK_SIZE = 4
# The cue begins at so many different frames: what LogSpaced keeps depends on a frame's number.
_NUM_BEGINNINGS = 16
_FIRST_BEGINNING, _NEXT_BEGINNING = 128, 13


@dataclass(frozen=True)
class Memory:
    """A way to remember.

    Attributes:
        name: What it is called in table and plot.
        policy: Which frames are held.
        pins_cue: Whether somebody who knows the cue pins it.
        retrieved: How many frames are brought back from an archive at most.
        slow: Whether it takes too long for all the trials.
    """

    name: str
    policy: EvictionPolicy
    pins_cue: bool = False
    retrieved: int = 0
    slow: bool = False


@dataclass(frozen=True, eq=False)
class Trials:
    """Streams with a cue each.

    Attributes:
        features: Frames, (R, T, C).
        kinds: Kind of each cue, (R,).
        labels: Class of each cue, (R,).
        last_cue: Last frame of each cue, (R,).
    """

    features: Tensor
    kinds: Tensor
    labels: Tensor
    last_cue: Tensor


def memories(budget: int) -> list[Memory]:
    """Returns the memories that attend to at most ``budget`` frames."""
    sinks = min(_SINK_FRAMES, budget // 8)
    half = budget // 2
    return [
        Memory("SlidingWindow", SlidingWindow(budget)),
        Memory("SinkWindow", SinkWindow(budget - sinks, sinks)),
        Memory("LogSpaced", _log_spaced(budget)),
        Memory("LeastRecentlyAttended", LeastRecentlyAttended(budget)),
        Memory("HeavyHitter", HeavyHitter(budget)),
        Memory("LeastNovel", LeastNovel(budget)),
        Memory(
            "Composed: LogSpaced, LeastNovel",
            Composed((_log_spaced(half), LeastNovel(half, recent=1, sink_frames=sinks))),
        ),
        Memory(
            "SlidingWindow and retrieval", SlidingWindow(budget - half), retrieved=half, slow=True
        ),
        Memory("pinned by hand", Composed((SlidingWindow(budget - 2), PinnedFrames(1))), True),
    ]


def everything() -> Memory:
    """Returns the memory that forgets nothing."""
    return Memory("everything", EVERYTHING, slow=True)


def draw_trials(numbers: range, seed: int) -> Trials:
    """Draws trials of every scene, scene after scene.

    Args:
        numbers: Which trials of each scene; a trial does not depend on those drawn with it.
        seed: Decides them all.
    """
    last_start = _FIRST_BEGINNING + _NEXT_BEGINNING * (_NUM_BEGINNINGS - 1)
    num_frames = last_start + max(scene.cue_frames for scene in SCENES) + max(DELAYS)
    streams: list[Stream] = []
    last_cue: list[int] = []
    for place, scene in enumerate(SCENES):
        for number in numbers:
            begins = _FIRST_BEGINNING + _NEXT_BEGINNING * (number % _NUM_BEGINNINGS)
            first_cue = 0 if scene.at_start else begins
            generator = torch.Generator().manual_seed((seed * 1000 + place) * 1_000_000 + number)
            streams.append(draw_stream(scene, num_frames, first_cue, generator))
            last_cue.append(first_cue + scene.cue_frames - 1)
    return Trials(
        torch.stack([stream.features for stream in streams]),
        torch.tensor([stream.kind for stream in streams]),
        torch.tensor([stream.label for stream in streams]),
        torch.tensor(last_cue),
    )


def right_answers(weights: dict[str, Tensor], memory: Memory, trials: Trials) -> Tensor:
    """Streams trials through a head with a memory, asking at each delay.

    The question takes the place of a frame and is rolled back: the stream goes on as if nobody had
    asked.

    Args:
        weights: The trained head.
        memory: How it remembers.
        trials: The streams.

    Returns:
        Which answers were right, bool (R, delays).
    """
    head = CameraHead(replace(CONFIG, eviction=memory.policy))
    head.load_state_dict(weights)
    head.eval()
    archive = None
    if memory.retrieved:
        archive = ArchiveConfig(_BLOCK_SIZE, retrieve_blocks=memory.retrieved // _BLOCK_SIZE)
    state = head.init_state(len(trials.labels), archive=archive)
    right = torch.zeros(len(trials.labels), len(DELAYS), dtype=torch.bool)
    for frame, pins, questions in _stops(trials.last_cue):
        for start in range(int(state.num_seen[0]), frame, _CHUNK):
            head.step(trials.features[:, start : min(start + _CHUNK, frame)], state)
        if memory.pins_cue:
            for row in pins:
                state.pin(frame - 1, row)
        if questions:
            question = ask(trials.features[:, frame], trials.kinds)[:, None]
            answer = head.step(question, state).prediction[:, 0]
            correct = answer.argmax(-1) == trials.labels
            for row, delay in questions:
                right[row, delay] = correct[row]
            state.rollback(1)
    return right


def _stops(last_cue: Tensor) -> Iterator[tuple[int, list[int], list[tuple[int, int]]]]:
    """Yields each frame before which something happens: rows to pin, (row, delay) to ask."""
    pins: dict[int, list[int]] = defaultdict(list)
    questions: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row, cue in enumerate(last_cue.tolist()):
        pins[cue + 1].append(row)
        for place, delay in enumerate(DELAYS):
            questions[cue + delay].append((row, place))
    for frame in sorted({*pins, *questions}):
        yield frame, pins[frame], questions[frame]


def _log_spaced(budget: int) -> LogSpaced:
    """Returns the densest spacing within the budget that reaches the furthest cue, or most far."""
    choices = (LogSpaced(window, levels) for window in range(1, budget) for levels in range(1, 16))
    fitting = [policy for policy in choices if policy.capacity <= budget]
    furthest = max(DELAYS) + 1
    return max(fitting, key=lambda p: (min(p.window << p.levels, furthest), p.window, -p.levels))
