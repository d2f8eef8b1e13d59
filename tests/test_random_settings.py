"""Whatever happens to streams of whatever settings, they equal the clip."""

import random

import pytest
import torch

from vidcache import (
    BlockPool,
    CameraHead,
    Composed,
    HeadConfig,
    HeadState,
    LogSpaced,
    PinnedFrames,
    SinkWindow,
    SlidingWindow,
    TimeWindow,
)

FRAMES = 40


def random_policy(rng):
    return rng.choice(
        [
            SlidingWindow(rng.randint(1, 9)),
            SinkWindow(rng.randint(1, 6), rng.randint(0, 4)),
            TimeWindow(rng.uniform(0.05, 1.5), rng.randint(1, 12)),
            LogSpaced(rng.randint(1, 5), rng.randint(1, 4)),
            Composed(
                (
                    SlidingWindow(rng.randint(1, 4)),
                    LogSpaced(rng.randint(1, 3), rng.randint(1, 3)),
                    PinnedFrames(2),
                )
            ),
        ]
    )


def random_head(rng):
    num_heads = rng.choice([1, 2, 3])
    config = HeadConfig(
        in_features=5,
        width=num_heads * rng.choice([2, 4, 6]),
        depth=rng.randint(1, 3),
        num_heads=num_heads,
        num_iterations=rng.randint(1, 4),
        num_outputs=3,
        num_tokens=rng.randint(1, 3),
        eviction=random_policy(rng),
        cache_scope=rng.choice(["iteration", "first_iteration"]),
        positions=rng.choice(["index", "seconds", "none"]),
        rollback_margin=rng.randint(0, 5),
        layer_scale=1.0,
    )
    head = CameraHead(config).double()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return head


class Streams:
    """Rows of one state, and for each the frames that it saw since it began."""

    def __init__(self, head, rng):
        self.head, self.rng = head, rng
        self.num_rows = rng.randint(1, 3)
        shape = (self.num_rows, FRAMES, head.config.num_tokens, head.config.in_features)
        self.features = torch.randn(shape, dtype=torch.float64)
        self.seconds = torch.rand(shape[:2], dtype=torch.float64).mul(0.2).cumsum(1)
        pool = BlockPool(head.config, 1 << 20, rng.randint(1, 5)) if rng.random() < 0.5 else None
        self.state = head.init_state(self.num_rows, pool=pool)
        self.starts, self.outputs = [0] * self.num_rows, [[] for _ in range(self.num_rows)]
        self.at, self.error = 0, 0.0

    def step(self):
        size = min(self.rng.choice([1, 1, 1, 2, 3, 7, 15]), FRAMES - self.at)
        chunk = slice(self.at, self.at + size)
        out = self.head.step(self.features[:, chunk], self.state, self.seconds[:, chunk])
        for row in range(self.num_rows):
            self.outputs[row].append(out.prediction[row])
        self.at += size

    def reset(self):
        self.compare()
        rows = self.rng.sample(range(self.num_rows), self.rng.randint(1, self.num_rows))
        self.state.reset(rows=rows)
        for row in rows:
            self.starts[row], self.outputs[row] = self.at, []

    def fork(self):
        self.state = self.state.fork()

    def split_and_merge(self):
        rows = [self.state.select([row]) for row in range(self.num_rows)]
        self.state = HeadState.merge(rows)

    def see_what_is_rolled_back(self):
        most = min(self.head.config.rollback_margin, FRAMES - self.at)
        if most:
            size = self.rng.randint(1, most)
            wrong = torch.randn_like(self.features[:, :size])
            self.head.step(wrong, self.state, self.seconds[:, self.at : self.at + size])
            self.state.rollback(size)

    def compare(self):
        for row, outputs in enumerate(self.outputs):
            if outputs:
                seen = slice(self.starts[row], self.at)
                with torch.no_grad():
                    clip = self.head(self.features[row, None, seen], self.seconds[row, None, seen])
                difference = (torch.cat(outputs) - clip.prediction[0]).abs().max()
                self.error = max(self.error, float(difference / clip.prediction.abs().max()))


@pytest.mark.parametrize("seed", range(100))
def test_whatever_happens_the_stream_equals_the_clip(seed, largest_error):
    rng = random.Random(seed)
    torch.manual_seed(seed)
    streams = Streams(random_head(rng), rng)
    happenings = (
        streams.reset,
        streams.fork,
        streams.split_and_merge,
        streams.see_what_is_rolled_back,
    )
    while streams.at < FRAMES:
        if rng.random() < 0.6:
            rng.choice(happenings)()
        streams.step()
    streams.compare()
    largest_error("float64, random settings and happenings", streams.error)
    assert streams.error < 1e-10, streams.head.config
