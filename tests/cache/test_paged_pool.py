from dataclasses import replace

import pytest
import torch

from vidcache import BlockPool, CameraHead, HeadConfig, HeadState, SinkWindow, SlidingWindow
from vidcache.cache import KeyValueFormats
from vidcache.errors import ConfigError, InputError, PoolFullError, StateError

# 12 + 4 slots: four blocks of four frames.
CONFIG = HeadConfig(
    in_features=6, width=24, depth=2, num_heads=3, num_iterations=2, num_outputs=4,
    layer_scale=1.0, eviction=SlidingWindow(12), rollback_margin=4,
)  # fmt: skip
CUT = [1, 1, 5, 1, 7, 1, 1, 1, 4, 1, 1, 6, 1]
FRAMES = sum(CUT)


def make_head(dtype=torch.float32, **settings):
    torch.manual_seed(0)
    head = CameraHead(replace(CONFIG, **settings))
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return head.to(dtype)


def clip(head, rows=1, frames=FRAMES, seed=1):
    generator = torch.Generator().manual_seed(seed)
    shape = (rows, frames, head.config.num_tokens, head.config.in_features)
    features = torch.randn(shape, generator=generator, dtype=torch.float64)
    return features.to(head.modulation.weight.dtype)


def stream(head, state, features, sizes=1):
    pieces = features.split(sizes, dim=1)
    return torch.cat([head.step(piece, state).prediction for piece in pieces], dim=1)


def pool_of(head, num_blocks, when_full="error", **formats):
    """A pool of that many blocks of four frames, beside the one that stays empty."""
    chosen = KeyValueFormats.choose(torch.float32, **formats)
    nbytes = 4 * head.config.cache_layout.frame_nbytes(chosen) * (num_blocks + 1)
    return BlockPool(head.config, nbytes, 4, when_full=when_full, **formats)


def used(pool):
    return pool.num_blocks - pool.num_free_blocks


@pytest.fixture
def head():
    return make_head()


@pytest.mark.parametrize(
    ("block_size", "scope"),
    [(1, "iteration"), (3, "first_iteration"), (16, "iteration"), (100, "first_iteration")],
)
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_paged_and_dense_are_equal_to_the_bit(dtype, rows, block_size, scope):
    packed = {"key_format": "int8", "value_format": "bf16"}
    for num_tokens, formats in ((1, {}), (3, {}), (2, packed)):
        head = make_head(dtype, num_tokens=num_tokens, cache_scope=scope, eviction=SinkWindow(9, 2))
        features = clip(head, rows)
        expected = stream(head, head.init_state(rows, **formats), features, CUT)
        pool = BlockPool(head.config, 1 << 22, block_size, dtype=dtype, **formats)
        result = stream(head, head.init_state(rows, pool=pool), features, CUT)
        assert torch.equal(result, expected)


@pytest.mark.parametrize("formats", [{}, {"key_format": "fp8", "value_format": "int8"}])
@pytest.mark.parametrize("rows", [1, 3])
def test_blocks_that_lie_apart_give_the_same_bits(head, rows, formats):
    pool = pool_of(head, 26, **formats)
    features = clip(head, rows)
    expected = stream(head, head.init_state(rows, **formats), features, CUT)
    others = [head.init_state(pool=pool) for _ in range(26)]
    for other in others:
        head.step(features[:1, :1], other)
    others = [state for state in others if int(state.storage.table[0, 0]) % 2]
    del other
    state = head.init_state(rows, pool=pool)
    assert torch.equal(stream(head, state, features, CUT), expected)
    assert set((state.storage.table % 2).flatten().tolist()) == {0}
    assert state.scratch_nbytes > 0


def test_a_stream_alone_is_read_where_it_lies(head):
    pool = pool_of(head, 20)
    state = head.init_state(batch_size=2, pool=pool)
    stream(head, state, clip(head, rows=2))
    assert state.scratch_nbytes == 0


def test_what_strangers_left_in_a_block_stays_with_them(head):
    pool = pool_of(head, 10)
    for side in (pool.memory.keys, pool.memory.values):
        side.data[:, :, : 4 * pool.num_blocks] = torch.nan
    features = clip(head)
    expected = stream(head, head.init_state(), features)
    assert torch.equal(stream(head, head.init_state(pool=pool), features), expected)


def test_thirty_two_forks_of_a_long_stream_cost_five_percent_at_most():
    head = make_head(
        width=128, num_heads=2, depth=8, eviction=SlidingWindow(1024), rollback_margin=0
    )
    pool = BlockPool(head.config, budget_bytes=32 << 20, block_size=16)
    state = head.init_state(pool=pool)
    features = clip(head, frames=1040)
    head.step(features[:, :1024], state)

    def nbytes(states):
        tables = sum(t.nbytes for s in states for t in s.slots.tensors().values())
        blocks = sum(s.storage.table.nbytes + s.scratch_nbytes for s in states)
        return pool.nbytes_used + tables + blocks

    alone = nbytes([state])
    forks = [state.fork() for _ in range(32)]
    assert nbytes([state, *forks]) <= 1.05 * alone
    expected = head.init_state()
    head.step(features[:, :1024], expected)
    rest = features[:, 1024:]
    before = used(pool)
    results = [stream(head, fork, (1 + at) * rest[:, :2]) for at, fork in enumerate(forks[:3])]
    assert used(pool) == before + 3
    for at, result in enumerate(results):
        alone = expected.fork()
        assert torch.equal(result, stream(head, alone, (1 + at) * rest[:, :2]))
    assert torch.equal(stream(head, state, rest), stream(head, expected, rest))


class TestBlocks:
    def test_are_taken_when_they_are_first_written(self, head):
        pool = pool_of(head, 20)
        state = head.init_state(batch_size=2, pool=pool)
        assert used(pool) == 0
        for number, piece in enumerate(clip(head, rows=2).split(1, dim=1)):
            head.step(piece, state)
            assert used(pool) == 2 * min(number // 4 + 1, 4)
            assert state.nbytes == pool.nbytes_used == used(pool) * pool.block_nbytes

    def test_come_back_by_reset_rollback_and_garbage_collection(self, head):
        pool = pool_of(head, 20)
        state = head.init_state(batch_size=2, pool=pool)
        stream(head, state, clip(head, rows=2))
        state.reset(rows=[0])
        assert used(pool) == 4
        head.step(clip(head, rows=2, frames=5), state)
        assert used(pool) == 4 + 2
        state.rollback(1, rows=[0])
        assert used(pool) == 4 + 1
        twin = state.fork()
        del state
        assert used(pool) == 5
        del twin
        assert used(pool) == 0
        assert pool.ref_count.sum() == 0

    def test_that_were_freed_longest_ago_are_used_first(self, head):
        pool = pool_of(head, 12)
        features = clip(head, frames=16)
        first, second, third = (head.init_state(pool=pool) for _ in range(3))
        for state in (first, second, third):
            head.step(features, state)
        freed = second.storage.table[0].tolist() + first.storage.table[0].tolist()
        second.reset()
        first.reset()
        fourth = head.init_state(pool=pool)
        head.step(features, fourth)
        assert fourth.storage.table[0].tolist() == freed[:4]

    def test_are_copied_by_the_one_who_writes(self, head):
        pool = pool_of(head, 20)
        state = head.init_state(pool=pool)
        stream(head, state, clip(head))
        twin = state.fork()
        assert pool.stats().num_shared_blocks == 4
        head.step(clip(head, frames=1), twin)
        stats = pool.stats()
        assert (stats.copied, stats.num_shared_blocks, used(pool)) == (1, 3, 5)
        head.step(clip(head, frames=1), state)
        assert pool.stats().copied == 1

    def test_that_rows_share_are_copied_once_for_each_but_the_last(self, head):
        pool = pool_of(head, 16)
        state = head.init_state(pool=pool)
        features = clip(head)
        stream(head, state, features)
        rows = state.select([0, 0, 0])
        del state
        result = head.step(features[:, :1].expand(3, -1, -1, -1), rows).prediction
        assert used(pool) == 6
        # A matrix product may round the rows of one batch differently.
        torch.testing.assert_close(result[0], result[2])


class TestFullPool:
    def test_is_an_error_that_leaves_the_state_as_it_was(self, head):
        pool = pool_of(head, 6)
        features = clip(head)
        state, other = head.init_state(pool=pool), head.init_state(pool=pool)
        stream(head, other, features)
        stream(head, state, features[:, :7])
        for size in (3, 2):
            with pytest.raises(PoolFullError, match="blocks are needed and 0 of 6 are free"):
                head.step(features[:, 7 : 7 + size], state)
        assert state.num_seen.tolist() == [7]
        del other
        expected = stream(head, head.init_state(), features)
        rest = stream(head, state, features[:, 7:])
        assert torch.equal(rest, expected[:, 7:])

    def test_makes_idle_streams_give_way_where_it_is_told_to(self, head):
        pool = pool_of(head, 9, when_full="evict_idle")
        features = clip(head)
        first, second = head.init_state(pool=pool), head.init_state(pool=pool)
        stream(head, first, features)
        stream(head, second, features[:, :7])
        head.step(features[:, :1], first)
        third = head.init_state(pool=pool)
        expected = stream(head, head.init_state(), features)
        assert torch.equal(stream(head, third, features), expected)
        assert pool.stats().evicted_states == 1
        head.step(features[:, :1], first)
        message = r"rows \[0\] lost their blocks to other streams"
        with pytest.raises(StateError, match=message):
            head.step(features[:, 7:8], second)
        for verb in (second.fork, lambda: second.save("unused"), second.to):
            with pytest.raises(StateError, match=message):
                verb()
        second.reset()
        assert torch.equal(stream(head, second, features), expected)

    def test_gives_way_for_no_more_than_there_are_others(self, head):
        pool = pool_of(head, 5, when_full="evict_idle")
        state = head.init_state(pool=pool)
        stream(head, state, clip(head))
        both = HeadState.merge([state, state])
        del state
        with pytest.raises(PoolFullError):
            stream(head, both, clip(head, rows=2))

    def test_refuses_streams_that_it_could_never_hold(self, head):
        with pytest.raises(PoolFullError, match="3 streams of 4 blocks do not fit into the 11"):
            head.init_state(batch_size=3, pool=pool_of(head, 11))


class TestAdmission:
    def test_counts_what_living_streams_may_still_take_or_copy(self, head):
        pool = pool_of(head, 12)
        assert pool.fits(head.config, batch_size=3)
        assert not pool.fits(head.config, batch_size=4)
        state = head.init_state(pool=pool)
        assert pool.fits(head.config, batch_size=2)
        twin = state.fork()
        assert not pool.fits(head.config, batch_size=2)
        del twin, state
        assert pool.fits(head.config, batch_size=3)

    def test_streams_that_fit_never_find_the_pool_full(self, head):
        pool = pool_of(head, 13)
        states = []
        while pool.fits(head.config):
            states.append(head.init_state(pool=pool))
            states.extend([states[-1].fork()] if pool.fits(head.config) else [])
        assert len(states) == 3
        for piece in clip(head).split(1, dim=1):
            for state in states:
                head.step(piece, state)

    def test_streams_of_different_windows_share_one_budget(self, head):
        longer = CameraHead(replace(CONFIG, eviction=SinkWindow(30, 1)))
        pool = pool_of(head, 20)
        features = clip(head)
        for owner in (head, longer):
            state = owner.init_state(pool=pool)
            expected = stream(owner, owner.init_state(), features, CUT)
            assert torch.equal(stream(owner, state, features, CUT), expected)

    def test_frames_of_another_shape_are_refused(self, head):
        pool = pool_of(head, 20)
        other = CameraHead(replace(CONFIG, depth=3))
        for call in (lambda: other.init_state(pool=pool), lambda: pool.fits(other.config)):
            with pytest.raises(StateError, match="make a pool with their config"):
                call()

    def test_a_pool_decides_about_formats(self, head):
        with pytest.raises(InputError, match="give them to the BlockPool"):
            head.init_state(pool=pool_of(head, 9), key_format="int8")


def test_a_pool_stays_within_its_budget(head):
    for budget in (20_000, 99_999):
        pool = BlockPool(head.config, budget, block_size=2)
        assert budget - pool.block_nbytes < pool.nbytes <= budget
    with pytest.raises(ConfigError, match="holds no two blocks"):
        BlockPool(head.config, 1000)
    with pytest.raises(ConfigError, match="use one of 'error', 'evict_idle'"):
        BlockPool(head.config, when_full="explode")


def test_a_pool_takes_the_type_of_its_first_head_unless_it_is_given_one():
    head = make_head().double()
    pool = BlockPool(head.config, budget_bytes=1 << 20)
    num_blocks = pool.num_blocks
    state = head.init_state(pool=pool)
    assert state.dtype == torch.float64
    assert pool.num_blocks < num_blocks
    assert pool.nbytes <= 1 << 20
    assert make_head().init_state(pool=pool).dtype == torch.float64, "it is in use"
    given = BlockPool(head.config, budget_bytes=1 << 20, dtype=torch.float32)
    assert head.init_state(pool=given).dtype == torch.float32
