"""Streams of the memory task: a cue, a pause, and a question whose answer is the cue.

Frames are feature vectors. A background drifts through all of them. A cue frame shows the mark of
one of four kinds of cue and one of eight classes besides; a question shows the mark of the kind
that it asks for, and its answer is the class of that kind's cue. Distractors are cues of the other
kinds.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

NUM_KINDS = 4
NUM_CLASSES = 8
NUM_FEATURES = 32

_CUE, _QUESTION, _CLASS = 0, NUM_KINDS, 2 * NUM_KINDS
_BACKGROUND = _CLASS + NUM_CLASSES
_MARK = 3.0
_NOISE = 0.1


@dataclass(frozen=True)
class Scene:
    """A kind of stream.

    Attributes:
        name: Short name.
        title: What happens in it.
        cue_frames: How many frames the cue is shown.
        steadiness: How much of the background a frame shares with the one before it, 0 to 1.
        at_start: Whether the cue is the beginning of the stream.
        asked_every: After how many frames, about, the question is asked again; 0 never.
        distractor_rate: Share of the frames that show a distractor.
    """

    name: str
    title: str
    cue_frames: int = 1
    steadiness: float = 0.999
    at_start: bool = False
    asked_every: int = 0
    distractor_rate: float = 0.01


SCENES = (
    Scene("start", "cue on the first frame, restless pause", at_start=True, steadiness=0.5),
    Scene("still", "cue for one frame, still pause"),
    Scene("restless", "cue for one frame, restless pause", steadiness=0.5),
    Scene("long", "cue for 64 frames, restless pause", cue_frames=64, steadiness=0.5),
    Scene("asked", "cue for one frame, asked about every 8 frames", steadiness=0.5, asked_every=8),
)


@dataclass(frozen=True, eq=False)
class Stream:
    """A stream without the question at its end.

    Attributes:
        features: Its frames, (T, NUM_FEATURES).
        kind: Kind of its cue.
        label: Class of its cue.
    """

    features: Tensor
    kind: int
    label: int


def draw_stream(
    scene: Scene, num_frames: int, first_cue: int, generator: torch.Generator
) -> Stream:
    """Draws one stream.

    Args:
        scene: What happens in it.
        num_frames: Frames T.
        first_cue: The frame at which the cue begins.
        generator: Where the draws come from.

    Returns:
        The stream.
    """

    def draw(limit: int, count: int = num_frames) -> Tensor:
        return torch.randint(limit, (count,), generator=generator)

    kind, label = int(draw(NUM_KINDS, 1)), int(draw(NUM_CLASSES, 1))
    marks = torch.zeros(num_frames, NUM_FEATURES)
    distracts = torch.rand(num_frames, generator=generator) < scene.distractor_rate
    at = distracts.nonzero()[:, 0]
    other_kinds = (kind + 1 + draw(NUM_KINDS - 1)) % NUM_KINDS
    marks[at, _CUE + other_kinds[at]] = _MARK
    marks[at, _CLASS + draw(NUM_CLASSES)[at]] = _MARK

    after = first_cue + scene.cue_frames
    if scene.asked_every:
        gaps = scene.asked_every - 3 + draw(7)
        asked = after - 1 + gaps.cumsum(0)
        asked = asked[asked < num_frames]
        marks[asked] = 0
        marks[asked, _QUESTION + kind] = _MARK
    marks[first_cue:after] = 0
    marks[first_cue:after, [_CUE + kind, _CLASS + label]] = _MARK

    noise = torch.randn(num_frames, NUM_FEATURES, generator=generator)
    background = noise.clone()
    background[:, :_BACKGROUND] = 0
    features = _drift(background, scene.steadiness) + marks + _NOISE * noise
    return Stream(features, kind, label)


def ask(frames: Tensor, kinds: Tensor) -> Tensor:
    """Returns frames that ask instead of what they showed, on the same background.

    Args:
        frames: Frames, (R, NUM_FEATURES).
        kinds: The kind that each asks for, (R,).
    """
    asking = frames.clone()
    asking[:, :_BACKGROUND] = 0
    asking[torch.arange(len(kinds)), _QUESTION + kinds] = _MARK
    return asking


def _drift(fresh: Tensor, steadiness: float) -> Tensor:
    """Lets each frame keep a share of the one before it, at an even strength."""
    frames = torch.cat([fresh[:1], fresh[1:] * (1 - steadiness**2) ** 0.5])
    reach = 1
    # Each turn doubles how far back a frame has taken in the ones before it.
    while reach < len(frames):
        frames = frames + steadiness**reach * pad(frames[:-reach], (0, 0, reach, 0))
        reach *= 2
    return frames
