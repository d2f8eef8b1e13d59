"""Any rows of a state step by themselves, and the others do not notice.

A row is the list of frames that its stream has seen. What it predicts is what the clip of that list
gives, whatever other rows do in between, and what a step does not name stays the same to the bit.
"""

import random

import pytest
import torch
from test_random_settings import random_head

from vidcache import (
    ArchiveConfig,
    BlockPool,
    CameraHead,
    Composed,
    HeadConfig,
    HeadState,
    HeavyHitter,
    LeastNovel,
    LeastRecentlyAttended,
    LogSpaced,
    PinnedFrames,
    SinkWindow,
    TimeWindow,
)
from vidcache.errors import InputError, PoolFullError, StateError

ROWS, STEPS = 4, 16


def make_head(policy, **settings):
    torch.manual_seed(0)
    settings = {"cache_scope": "iteration", "rollback_margin": 2, **settings}
    config = HeadConfig(
        6, 16, depth=2, num_heads=2, num_iterations=2, num_outputs=3, num_tokens=2,
        eviction=policy, layer_scale=1.0, **settings,
    )  # fmt: skip
    head = CameraHead(config)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return head.double()


def everything_of(state, rows):
    """All that a state holds of some rows, as tensors that share nothing with it."""
    rows = torch.tensor(rows, dtype=torch.int64)
    stored = state.storage.read_rows(rows)
    parts = [*stored.keys.parts(), *stored.values.parts()]
    parts += [tensor[rows] for tensor in state.slots.tensors().values()]
    if state.archive is not None:
        archive = state.archive
        parts += [archive._open_blocks.raw[rows], archive._tiers.order[rows]]
        parts += [archive._tiers.last_found[rows], archive._summaries._outliers[:, rows]]
        counts = [
            [archive._open_blocks.counts[row], archive._tiers.num_sealed[row]] for row in rows
        ]
        parts.append(torch.tensor(counts))
    return [part.clone() for part in parts]


class Streams:
    """Rows of one state; for each the frames that it has seen, and what it predicted for them."""

    def __init__(self, head, state, rng, num_rows=ROWS):
        self.head, self.state, self.rng = head, state, rng
        config = head.config
        shape = (num_rows, 7 * STEPS, config.num_tokens, config.in_features)
        self.features = torch.randn(shape, dtype=torch.float64)
        self.seconds = torch.rand(shape[:2], dtype=torch.float64).mul(0.2).cumsum(1)
        self.start, self.at = [0] * num_rows, [0] * num_rows
        self.outputs = [[] for _ in range(num_rows)]
        self.errors = []

    @property
    def num_rows(self):
        return len(self.at)

    def some_rows(self):
        return self.rng.sample(range(self.num_rows), self.rng.randint(1, self.num_rows))

    def step(self):
        rows = self.some_rows()
        size = self.rng.choice([1, 1, 1, 2, 3, 7])
        others = [row for row in range(self.num_rows) if row not in rows]
        before = everything_of(self.state, others)
        frames = [slice(self.at[row], self.at[row] + size) for row in rows]
        features = torch.stack([self.features[row, f] for row, f in zip(rows, frames, strict=True)])
        seconds = torch.stack([self.seconds[row, f] for row, f in zip(rows, frames, strict=True)])
        named = rows if self.rng.random() < 0.5 else torch.tensor(rows)
        result = self.head.step(features, self.state, seconds, rows=named).prediction
        for mine, theirs in zip(before, everything_of(self.state, others), strict=True):
            assert torch.equal(mine, theirs), (rows, size)
        for place, row in enumerate(rows):
            self.outputs[row].append(result[place])
            self.at[row] += size
        assert self.state.num_seen.tolist() == [
            at - start for at, start in zip(self.at, self.start, strict=True)
        ]

    def reset(self):
        rows = self.some_rows()
        self.compare(rows)
        self.state.reset(rows=rows)
        for row in rows:
            self.start[row], self.outputs[row] = self.at[row], []

    def fork(self):
        twin = self.state.fork()
        # What the old one goes on to see is nobody's business.
        self.head.step(self.features[:1, :2], self.state, self.seconds[:1, -2:], rows=[0])
        self.state = twin

    def split_and_merge(self):
        order = self.rng.sample(range(self.num_rows), self.num_rows)
        merged = HeadState.merge([self.state.select([row]) for row in order])
        self.state = merged.select([order.index(row) for row in range(self.num_rows)])

    def leave_and_join(self):
        row = self.rng.randrange(self.num_rows)
        left = self.state.extract([row])
        self.head.step(self.features[:1, :1], self.state, self.seconds[:1, :1], rows=[row])
        self.state.insert([row], left)

    def see_what_is_rolled_back(self):
        most = self.head.config.rollback_margin
        if most == 0:
            return
        rows, size = self.some_rows(), self.rng.randint(1, most)
        wrong = torch.randn_like(self.features[rows, :size])
        now = torch.stack([self.seconds[row, self.at[row]] for row in rows])
        self.head.step(wrong, self.state, now[:, None].expand(-1, size), rows=rows)
        self.state.rollback(size, rows=rows)

    def go(self, happenings, steps=STEPS):
        for _ in range(steps):
            if self.rng.random() < 0.5:
                self.rng.choice(happenings)()
            self.step()
        self.compare(range(self.num_rows))

    def everything(self):
        return (
            self.reset,
            self.fork,
            self.split_and_merge,
            self.leave_and_join,
            self.see_what_is_rolled_back,
        )

    def compare(self, rows):
        for row in rows:
            if self.outputs[row]:
                seen = slice(self.start[row], self.at[row])
                expected = self.expected(
                    self.features[row, None, seen], self.seconds[row, None, seen]
                )
                difference = (torch.cat(self.outputs[row]) - expected).abs().max()
                self.errors.append(float(difference / expected.abs().max()))

    def expected(self, features, seconds):
        with torch.no_grad():
            return self.head(features, seconds).prediction[0]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_rows_step_each_equals_its_own_clip(seed, largest_error):
    rng = random.Random(seed)
    torch.manual_seed(seed)
    head = random_head(rng)
    pool = BlockPool(head.config, 1 << 20, rng.randint(1, 5)) if rng.random() < 0.5 else None
    streams = Streams(head, head.init_state(ROWS, pool=pool), rng)
    streams.go(streams.everything())
    largest_error("float64, rows that step alone", max(streams.errors))
    assert max(streams.errors) < 1e-10, head.config


EVERYTHING = ArchiveConfig(host_bytes=1 << 20, block_size=3, retrieve_blocks=99)
SOME = ArchiveConfig(host_bytes=1 << 16, block_size=2, retrieve_blocks=2)
# Policy, how its state is made, and how far rounding alone may lead two streams apart.
MEMORIES = {
    "attended": (LeastRecentlyAttended(budget=6), {}, 1e-10),
    "heavy": (HeavyHitter(budget=7, recent=2, sink_frames=1), {}, 1e-10),
    "novel": (LeastNovel(budget=6), {}, 1e-10),
    "composed": (
        Composed((LogSpaced(2, levels=2), LeastNovel(budget=4), PinnedFrames(1))), {}, 1e-10,
    ),
    "int8": (SinkWindow(4, 2), {"key_format": "int8", "value_format": "int8"}, 1e-5),
    "fp8 and fp32": (SinkWindow(4, 2), {"key_format": "fp8", "value_format": "fp32"}, 1e-5),
    "bf16": (SinkWindow(4, 2), {"dtype": torch.bfloat16}, 0.1),
    "archive": (SinkWindow(3, 1), {"archive": EVERYTHING}, 1e-10),
    "part of an archive": (SinkWindow(3, 1), {"archive": SOME}, 1e-10),
    "archive in int8": (TimeWindow(0.4, 5), {"archive": SOME, "key_format": "int8"}, 1e-5),
}  # fmt: skip


class StreamsOfAMemory(Streams):
    """Rows that must go on as each of them would in a state of its own, a frame at a time."""

    def __init__(self, head, make_state, rng):
        self.make_state = make_state
        super().__init__(head, make_state(ROWS), rng)

    def expected(self, features, seconds):
        alone = self.make_state(1)
        frames = zip(features.split(1, dim=1), seconds.split(1, dim=1), strict=True)
        parts = [self.head.step(frame, alone, now).prediction for frame, now in frames]
        return torch.cat(parts, dim=1)[0]


def maker_of(head, options, paged):
    """Makes states of a memory, all in one pool or each in memory of its own."""
    options = dict(options)
    if not paged:
        return lambda rows: head.init_state(rows, **options)
    archive = options.pop("archive", None)
    options.setdefault("dtype", torch.float64)
    pool = BlockPool(head.config, 1 << 20, block_size=3, **options)
    return lambda rows: head.init_state(rows, pool=pool, archive=archive)


@pytest.mark.parametrize("paged", [False, True], ids=["dense", "paged"])
@pytest.mark.parametrize("memory", MEMORIES)
def test_in_every_memory_rows_go_on_as_if_alone(memory, paged):
    policy, options, bound = MEMORIES[memory]
    # What a rollback takes back stays in an archive.
    head = make_head(policy, rollback_margin=0 if "archive" in options else 2)
    for seed in range(1):
        torch.manual_seed(seed)
        streams = StreamsOfAMemory(head, maker_of(head, options, paged), random.Random(seed))
        streams.go(streams.everything())
        assert max(streams.errors) < bound


@pytest.mark.parametrize("paged", [False, True], ids=["dense", "paged"])
@pytest.mark.parametrize("memory", MEMORIES)
def test_rows_that_are_not_named_go_on_to_the_bit(memory, paged):
    policy, options, _ = MEMORIES[memory]
    head = make_head(policy)
    state = maker_of(head, options, paged)(ROWS)
    features = torch.randn(ROWS, 20, 2, 6, dtype=torch.float64)
    seconds = torch.arange(20.0).expand(ROWS, -1) / 10
    head.step(features[:, :9], state, seconds[:, :9])
    untouched = state.fork()
    for frame in range(9, 13):
        head.step(-features[:2, frame, None], state, seconds[:2, frame, None], rows=[2, 0])
    for frame in range(9, 20):
        now = features[[1, 3], frame, None], seconds[:2, frame, None]
        result, expected = (
            head.step(now[0], s, now[1], rows=[1, 3]).prediction for s in (state, untouched)
        )
        assert torch.equal(result, expected)


@pytest.mark.parametrize("named", [range(3), [0, 1, 2], torch.arange(3)], ids=repr)
@pytest.mark.parametrize("paged", [False, True], ids=["dense", "paged"])
def test_all_rows_in_order_are_the_same_as_none_named(named, paged):
    head = make_head(SinkWindow(4, 1))
    make = maker_of(head, {}, paged)
    plain, by_name = make(3), make(3)
    features = torch.randn(3, 12, 2, 6, dtype=torch.float64)
    for piece in features.split([1, 1, 4, 1, 1, 1, 3], dim=1):
        expected = head.step(piece, plain).prediction
        assert torch.equal(head.step(piece, by_name, rows=named).prediction, expected)
        assert by_name.scratch_nbytes == plain.scratch_nbytes


@pytest.mark.parametrize("paged", [False, True], ids=["dense", "paged"])
def test_rows_that_follow_each_other_are_read_where_they_lie(paged):
    head = make_head(SinkWindow(4, 1))
    state = maker_of(head, {}, paged)(4)
    features = torch.randn(4, 12, 2, 6, dtype=torch.float64)
    head.step(features, state)
    for rows in ([1, 2], [3], range(1, 4)):
        head.step(features[: len(rows), :1], state, rows=rows)
        assert state.scratch_nbytes == 0
    lane = state.nbytes // state.layout.num_lanes
    for rows in ([2, 0], [3, 1, 0], [3, 2, 1, 0], [0, 2]):
        head.step(features[: len(rows), :1], state, rows=rows)
        assert state.scratch_nbytes == lane
    head.step(features[:, :1], state)
    assert state.scratch_nbytes == lane


def test_a_wrong_row_is_refused_and_nothing_changes():
    head = make_head(TimeWindow(0.5, 6))
    state = head.init_state(3)
    features = torch.randn(3, 8, 2, 6, dtype=torch.float64)
    seconds = torch.arange(8.0).expand(3, -1) / 10
    head.step(features[:, :7], state, seconds[:, :7])
    before = everything_of(state, [0, 1, 2])
    now = features[:2, 7:], seconds[:2, 7:]
    for rows, error in (
        ([1, 1], "give each row once"),
        ([0, 3], "a state of 3 rows"),
        ([-1, 0], "count from 0"),
        ([0], "features hold 2 streams, rows names 1"),
        ([0, 1, 2], "features hold 2 streams, rows names 3"),
        ([], "rows names 0"),
        ([True, False], "not a mask"),
        (torch.tensor([0.0, 1.0]), "int64"),
        (torch.tensor([[0, 1]]), "int64"),
        (torch.tensor([True, False, True]), "int64"),
    ):
        with pytest.raises(InputError, match=error):
            head.step(now[0], state, now[1], rows=rows)
    with pytest.raises(StateError, match="say with rows= which"):
        head.step(now[0], state, now[1])
    with pytest.raises(InputError, match="goes backwards"):
        head.step(now[0], state, now[1] - torch.tensor([[0.0], [1.0]]), rows=[2, 0])
    with pytest.raises(InputError, match="NaN or infinity"):
        head.step(now[0] * torch.nan, state, now[1], rows=[2, 0])
    for mine, theirs in zip(before, everything_of(state, [0, 1, 2]), strict=True):
        assert torch.equal(mine, theirs)
    head.step(now[0], state, now[1], rows=[2, 0])


class TestPools:
    def test_a_row_that_is_not_named_takes_no_block(self):
        head = make_head(SinkWindow(4, 1))
        pool = BlockPool(head.config, 1 << 20, block_size=7, dtype=torch.float64)
        state = head.init_state(4, pool=pool)
        head.step(torch.randn(2, 3, 2, 6, dtype=torch.float64), state, rows=[3, 1])
        assert pool.num_blocks - pool.num_free_blocks == 2
        assert (state.storage.table[:, 0] >= 0).tolist() == [False, True, False, True]

    def test_a_pool_that_is_full_leaves_all_rows_as_they_were(self):
        head = make_head(SinkWindow(1, 1), rollback_margin=0)
        frame = head.config.predict_nbytes(1, torch.float64) // 2
        pool = BlockPool(head.config, 9 * frame, block_size=1, dtype=torch.float64)
        features = torch.randn(4, 2, 2, 6, dtype=torch.float64)
        state, hungry = head.init_state(4, pool=pool), head.init_state(2, pool=pool)
        head.step(features[:2], hungry)
        head.step(features[:2], state, rows=[0, 3])
        before = everything_of(state, range(4))
        with pytest.raises(PoolFullError):
            head.step(features[:2, :1], state, rows=[2, 1])
        for mine, theirs in zip(before, everything_of(state, range(4)), strict=True):
            assert torch.equal(mine, theirs)
        head.step(features[:2, :1], state, rows=[3, 0])
        assert state.num_seen.tolist() == [3, 0, 0, 3]

    def test_rows_that_were_reset_step_while_others_are_still_lost(self):
        head = make_head(SinkWindow(1, 1), rollback_margin=0)
        frame = head.config.predict_nbytes(1, torch.float64) // 2
        pool = BlockPool(
            head.config, 5 * frame, block_size=1, dtype=torch.float64, when_full="evict_idle"
        )
        features = torch.randn(2, 2, 2, 6, dtype=torch.float64)
        state, hungry = head.init_state(2, pool=pool), head.init_state(1, pool=pool)
        head.step(features, state)
        head.step(features[:1], hungry)
        with pytest.raises(StateError, match="lost their blocks"):
            head.step(features[:1], state, rows=[1])
        state.reset([1])
        head.step(features[:1, :1], state, rows=[1])
        with pytest.raises(StateError, match=r"rows \[0\] lost their blocks"):
            head.step(features, state, rows=[1, 0])
