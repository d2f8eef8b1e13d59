"""Every policy in every storage and format: what all of them promise, in one matrix."""

from dataclasses import dataclass

import pytest
import torch

from vidcache import (
    BlockPool,
    CameraHead,
    Composed,
    EvictionPolicy,
    HeadConfig,
    HeavyHitter,
    LeastNovel,
    LeastRecentlyAttended,
    LogSpaced,
    PinnedFrames,
    SinkWindow,
    SlidingWindow,
    TimeWindow,
)
from vidcache.cache import register_policy

FRAMES, ROWS = 30, 2


@register_policy
@dataclass(frozen=True)
class EveryThird(EvictionPolicy):
    """A policy of a user's own joins the matrix by being listed."""

    frames: int

    @property
    def capacity(self):
        return self.frames // 3 + 2

    def reaches(self, query, key):
        age = query.index - key.index
        return (age == 0) | ((age < self.frames) & (key.index % 3 == 0))


POLICIES = (
    SlidingWindow(5),
    SinkWindow(4, sink_frames=2),
    TimeWindow(0.6, max_frames=9),
    LogSpaced(3, levels=2),
    LeastRecentlyAttended(budget=6),
    HeavyHitter(budget=7, recent=2, sink_frames=1),
    LeastNovel(budget=6),
    Composed((SlidingWindow(3), LogSpaced(2, levels=3), PinnedFrames(1))),
    Composed((SlidingWindow(3), LeastNovel(budget=4))),
    EveryThird(frames=9),
)
# Keys, values, and how far predictions may be from the clip's.
FORMATS = (
    (None, None, 1e-10),
    ("fp32", "fp32", 1e-5),
    ("bf16", "bf16", 0.1),
    ("fp16", "fp16", 0.02),
    ("fp8", "fp8", 0.3),
    ("int8", "int8", 0.1),
    ("int8", "bf16", 0.1),
)


def make_head(policy):
    torch.manual_seed(0)
    config = HeadConfig(
        6,
        16,
        depth=2,
        num_heads=2,
        num_iterations=2,
        num_outputs=3,
        num_tokens=2,
        eviction=policy,
        rollback_margin=3,
        layer_scale=1.0,
    )
    head = CameraHead(config)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return head.double()


def make_clip():
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(ROWS, FRAMES, 2, 6, generator=generator, dtype=torch.float64)
    return features, torch.arange(FRAMES).expand(ROWS, -1) / 10


def run(head, state, sizes):
    """Streams the clip with a rollback in it; returns the predictions and what was held."""
    features, seconds = make_clip()
    outputs, held, start = [], [], 0
    for number, size in enumerate(sizes):
        chunk = slice(start, start + size)
        if number == 4:
            head.step(features[:, :2] * 3, state, seconds[:, [start, start]])
            state.rollback(2)
        outputs.append(head.step(features[:, chunk], state, seconds[:, chunk]).prediction)
        held.append([state.cached_frames(row) for row in range(ROWS)])
        start += size
    return torch.cat(outputs, dim=1), held


@pytest.mark.parametrize(("key_format", "value_format", "bound"), FORMATS)
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_what_every_memory_promises(policy, key_format, value_format, bound):
    head = make_head(policy)
    formats = {"key_format": key_format, "value_format": value_format}
    dense = head.init_state(ROWS, **formats)
    expected, held = run(head, dense, [1] * FRAMES)
    for frame, rows in enumerate(held):
        for frames in rows:
            assert frame in frames
            assert len(frames) <= policy.capacity
    assert dense.nbytes == head.config.predict_nbytes(ROWS, torch.float64, **formats)

    pool = BlockPool(head.config, 1 << 20, block_size=4, dtype=torch.float64, **formats)
    paged = head.init_state(ROWS, pool=pool)
    result, held_by_paged = run(head, paged, [1] * FRAMES)
    assert torch.equal(result, expected)
    assert held_by_paged == held

    chunked, _ = run(head, head.init_state(ROWS, **formats), [1, 7, 2, 1, 1, 15, 3])
    # Keys and values stored plainly in 16 bits are attended in 16 bits, where sums round.
    rounding = bound if key_format in ("bf16", "fp16") else 1e-5 if key_format else 1e-10
    torch.testing.assert_close(chunked, expected, rtol=0, atol=rounding)

    features, seconds = make_clip()
    with torch.no_grad():
        clip = head(features, seconds).prediction
    exact = (
        FRAMES if policy.scored is None else min(since or FRAMES for since in dense.inexact_since)
    )
    error = (expected - clip)[:, :exact].abs().max() / clip.abs().max()
    assert error < bound
    del paged
    assert pool.num_free_blocks == pool.num_blocks
