"""Random operations on states, dense and paged, against a plain list of frames for each row.

A row is nothing but the list of frames that its stream has seen, and what it must predict is what
the clip of that list gives. Whatever a state keeps, shares, copies or gives back must not show.
"""

import gc
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from vidcache import BlockPool, CameraHead, HeadConfig, HeadState, SinkWindow
from vidcache.cache import PagedStorage
from vidcache.errors import PoolFullError, StateError

CONFIG = HeadConfig(
    in_features=4, width=8, depth=1, num_heads=2, num_iterations=2, num_outputs=3,
    layer_scale=1.0, eviction=SinkWindow(window=4, sink_frames=1), rollback_margin=2,
)  # fmt: skip
NUM_FRAMES = 50
MAX_ROWS, MAX_STATES, MAX_SEEN = 4, 8, 30
NUMBER = st.integers(0, 10**6)

torch.manual_seed(0)
HEAD = CameraHead(CONFIG).double()
for parameter in HEAD.parameters():
    torch.nn.init.normal_(parameter, std=0.4)
FRAMES = torch.randn(NUM_FRAMES, 4, dtype=torch.float64)


@lru_cache(maxsize=4096)
def clip(row: tuple[int, ...]) -> torch.Tensor:
    with torch.no_grad():
        return HEAD(FRAMES[list(row)][None]).prediction[0]


@dataclass
class Stream:
    """What is known of a row: its frames, and how far back it can be rolled."""

    frames: tuple[int, ...] = ()
    floor: int = 0

    def append(self, frames: list[int]) -> None:
        self.frames += tuple(frames)
        self.floor = max(self.floor, len(self.frames) - CONFIG.rollback_margin)


@dataclass(eq=False)
class Batch:
    """A state and the streams that its rows must be."""

    state: HeadState
    streams: list[Stream]

    def copies(self, rows: list[int]) -> list[Stream]:
        return [Stream(self.streams[row].frames, self.streams[row].floor) for row in rows]


class RandomOperations(RuleBasedStateMachine):
    count = 0

    def __init__(self):
        super().__init__()
        self.pool = BlockPool(CONFIG, 21 * 512, block_size=2, dtype=torch.float64)
        self.folder = tempfile.TemporaryDirectory()
        self.batches: list[Batch] = []

    @initialize()
    def begin(self):
        self.new(2, False)
        self.new(2, True)

    def pick(self, number: int) -> Batch:
        return self.batches[number % len(self.batches)]

    def keep(self, batch: Batch) -> None:
        RandomOperations.count += 1
        self.batches.append(batch)
        del self.batches[:-MAX_STATES]

    @rule(rows=st.integers(1, MAX_ROWS), paged=st.booleans())
    def new(self, rows, paged):
        state = HEAD.init_state(rows, pool=self.pool if paged else None)
        self.keep(Batch(state, [Stream() for _ in range(rows)]))

    @rule(which=NUMBER, length=st.integers(1, 9), seed=NUMBER)
    def append(self, which, length, seed):
        RandomOperations.count += 1
        batch = self.pick(which)
        for row, stream in enumerate(batch.streams):
            if len(stream.frames) > MAX_SEEN:
                batch.state.reset([row])
                batch.streams[row] = Stream()
        generator = torch.Generator().manual_seed(seed)
        new = torch.randint(NUM_FRAMES, (len(batch.streams), length), generator=generator)
        try:
            result = HEAD.step(FRAMES[new], batch.state).prediction
        except PoolFullError:
            return
        for row, stream in enumerate(batch.streams):
            stream.append(new[row].tolist())
            expected = clip(stream.frames)[-length:]
            torch.testing.assert_close(result[row], expected, rtol=1e-9, atol=1e-11)

    @rule(which=NUMBER)
    def fork(self, which):
        batch = self.pick(which)
        everyone = list(range(len(batch.streams)))
        self.keep(Batch(batch.state.fork(), batch.copies(everyone)))

    @rule(which=NUMBER, row=NUMBER)
    def reset(self, which, row):
        RandomOperations.count += 1
        batch = self.pick(which)
        row %= len(batch.streams)
        batch.state.reset([row])
        batch.streams[row] = Stream()

    @rule(which=NUMBER, row=NUMBER, num_frames=st.integers(0, 3))
    def rollback(self, which, row, num_frames):
        RandomOperations.count += 1
        batch = self.pick(which)
        stream = batch.streams[row % len(batch.streams)]
        left = len(stream.frames) - num_frames
        try:
            batch.state.rollback(num_frames, [row % len(batch.streams)])
        except StateError:
            assert left < stream.floor
        else:
            assert left >= stream.floor
            stream.frames = stream.frames[:left]

    @rule(which=NUMBER, rows=st.lists(NUMBER, min_size=1, max_size=MAX_ROWS))
    def select(self, which, rows):
        batch = self.pick(which)
        rows = [row % len(batch.streams) for row in rows]
        self.keep(Batch(batch.state.select(rows), batch.copies(rows)))

    @rule(which=NUMBER, rows=st.sets(st.integers(0, MAX_ROWS - 1), min_size=1))
    def extract(self, which, rows):
        batch = self.pick(which)
        chosen = [row for row in rows if row < len(batch.streams)]
        if chosen:
            taken = Batch(batch.state.extract(chosen), batch.copies(chosen))
            for row in chosen:
                batch.streams[row] = Stream()
            self.keep(taken)

    @rule(which=NUMBER, other=NUMBER, first=NUMBER)
    def insert(self, which, other, first):
        RandomOperations.count += 1
        batch, other = self.pick(which), self.pick(other)
        size = len(other.streams)
        if size > len(batch.streams):
            return
        rows = [(first + at) % len(batch.streams) for at in range(size)]
        try:
            batch.state.insert(rows, other.state)
        except PoolFullError:
            return
        for row, stream in zip(rows, other.copies(list(range(size))), strict=True):
            batch.streams[row] = stream

    @rule(which=NUMBER, row=NUMBER, other=NUMBER, place=NUMBER)
    def move(self, which, row, other, place):
        RandomOperations.count += 1
        batch, other = self.pick(which), self.pick(other)
        row, place = row % len(batch.streams), place % len(other.streams)
        moved = batch.copies([row])[0]
        taken = batch.state.extract([row])
        batch.streams[row] = Stream()
        try:
            other.state.insert([place], taken)
        except PoolFullError:
            return
        other.streams[place] = moved

    @rule(which=st.lists(NUMBER, min_size=1, max_size=3))
    def merge(self, which):
        batches = [self.pick(number) for number in which]
        streams = [s for batch in batches for s in batch.copies(list(range(len(batch.streams))))]
        if len(streams) > MAX_ROWS:
            return
        try:
            state = HeadState.merge([batch.state for batch in batches])
        except PoolFullError:
            return
        self.keep(Batch(state, streams))

    @rule(which=NUMBER, paged=st.booleans())
    def save_and_load(self, which, paged):
        batch = self.pick(which)
        path = Path(self.folder.name) / "state"
        batch.state.save(path)
        try:
            state = HeadState.load(path, HEAD, pool=self.pool if paged else None)
        except PoolFullError:
            return
        self.keep(Batch(state, batch.copies(list(range(len(batch.streams))))))

    @precondition(lambda self: len(self.batches) > 1)
    @rule(which=NUMBER)
    def forget(self, which):
        RandomOperations.count += 1
        del self.batches[which % len(self.batches)]

    @invariant()
    def every_row_has_seen_its_frames(self):
        for batch in self.batches:
            seen = [len(stream.frames) for stream in batch.streams]
            assert batch.state.num_seen.tolist() == seen

    @invariant()
    def blocks_are_held_for_frames_only_and_counted(self):
        held = torch.zeros(self.pool.num_blocks, dtype=torch.int64)
        for batch in self.batches:
            if isinstance(batch.state.storage, PagedStorage):
                table = batch.state.storage.table
                frames = batch.state.slots.held.index >= 0
                blocks = torch.nn.functional.pad(frames, (0, 1)).unflatten(1, (-1, 2)).any(dim=2)
                assert torch.equal(table >= 0, blocks)
                held += table[table >= 0].bincount(minlength=self.pool.num_blocks)
        assert torch.equal(self.pool.ref_count, held)
        assert self.pool.num_free_blocks == int((held == 0).sum())

    def teardown(self):
        self.batches.clear()
        self.folder.cleanup()
        gc.collect(0)
        assert self.pool.num_free_blocks == self.pool.num_blocks


def test_nothing_is_lost_or_leaked_in_thousands_of_operations():
    RandomOperations.count = 0
    run_state_machine_as_test(
        RandomOperations,
        settings=settings(
            max_examples=60,
            stateful_step_count=50,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert RandomOperations.count > 2000
