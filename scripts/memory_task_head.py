"""The head of the memory task and its training."""

from __future__ import annotations

import math
import random
import time

import torch
from memory_task_scenes import NUM_CLASSES, NUM_FEATURES, Scene, Stream, ask, draw_stream
from torch import Tensor
from torch.nn.functional import cross_entropy

from vidcache import CameraHead, HeadConfig, SlidingWindow

NOTHING = NUM_CLASSES
"""What the head says to a frame that asks nothing."""
EVERYTHING = SlidingWindow(2700)
"""Longer than any stream here: the head is trained to look wherever it likes."""
CONFIG = HeadConfig(
    in_features=NUM_FEATURES,
    width=32,
    depth=2,
    num_heads=2,
    num_iterations=1,
    num_outputs=NUM_CLASSES + 1,
    eviction=EVERYTHING,
    positions="none",
    layer_scale=1.0,
    rollback_margin=1,
)

_SHORTEST, _LONGEST = 16, 512
_TOKENS_A_STEP = 4096
# Weight of the frames that ask nothing.
_SILENCE = 0.1


def train_head(num_steps: int, seed: int) -> CameraHead:
    """Trains a head that sees everything on streams of 16 to 512 frames.

    Args:
        num_steps: Steps of the optimizer.
        seed: Decides weights and streams.

    Returns:
        The head.
    """
    torch.manual_seed(seed)
    chooser = random.Random(seed)
    generator = torch.Generator().manual_seed(seed)
    head = CameraHead(CONFIG)
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, num_steps)
    began, right = time.monotonic(), 0.0
    for step in range(num_steps):
        features, labels = _batch(chooser, generator)
        scores = head(features).prediction
        answers = scores[:, -1]
        silence = torch.full((scores[:, :-1].numel() // (NOTHING + 1),), NOTHING)
        loss = cross_entropy(answers, labels)
        loss = loss + _SILENCE * cross_entropy(scores[:, :-1].flatten(0, 1), silence)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        right += 0.02 * (float((answers.argmax(-1) == labels).float().mean()) - right)
        if (step + 1) % 100 == 0:
            print(f"step {step + 1}: {right:.3f} right, {time.monotonic() - began:.0f} s")
    return head.eval()


def _batch(chooser: random.Random, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draws streams of one length, each of another kind, the question on their last frame."""
    spread = math.log(_LONGEST / _SHORTEST)
    num_frames = round(_SHORTEST * math.exp(spread * chooser.random()))
    streams: list[Stream] = []
    for _ in range(_TOKENS_A_STEP // num_frames):
        cue_frames = min(num_frames - 1, 2 ** chooser.randrange(6))
        scene = Scene(
            "training",
            "",
            cue_frames=cue_frames,
            steadiness=1 - 10 ** chooser.uniform(-3, -0.3),
            distractor_rate=10 ** chooser.uniform(-2, -0.5),
        )
        first_cue = chooser.randrange(num_frames - cue_frames)
        streams.append(draw_stream(scene, num_frames, first_cue, generator))
    features = torch.stack([stream.features for stream in streams])
    kinds = torch.tensor([stream.kind for stream in streams])
    features[:, -1] = ask(features[:, -1], kinds)
    return features, torch.tensor([stream.label for stream in streams])
