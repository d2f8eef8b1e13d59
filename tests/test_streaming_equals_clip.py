"""The promise: stepping a stream gives what the whole clip gives, however it is cut.

The clip itself is checked against an oracle that is written frame by frame, from the description
of the head and with visibility rules of its own, in tests/oracle.py.
"""

import itertools
from dataclasses import replace

import pytest
import torch
from oracle import oracle_predictions

from vidcache import Composed, LogSpaced, SinkWindow, SlidingWindow, TimeWindow
from vidcache.cache import DenseStorage, HeadState, SlotTable, slot_plan, visible
from vidcache.head import CameraHead, HeadConfig, attention

FRAMES = 22
POLICIES = (
    SlidingWindow(1),
    SlidingWindow(2),
    SlidingWindow(7),
    SlidingWindow(64),
    SinkWindow(window=1, sink_frames=1),
    SinkWindow(window=5, sink_frames=3),
    SinkWindow(window=6, sink_frames=0),
    TimeWindow(seconds=1.5, max_frames=5),
    TimeWindow(seconds=0.4, max_frames=30),
    LogSpaced(window=3, levels=2),
    Composed((SinkWindow(window=2, sink_frames=2), LogSpaced(window=1, levels=3))),
    Composed((TimeWindow(seconds=1.0, max_frames=4), LogSpaced(window=2, levels=2))),
)
SCOPES = ("iteration", "first_iteration")
POSITIONS = ("index", "seconds", "none")


def make_head(dtype=torch.float64, seed=0, **settings):
    torch.manual_seed(seed)
    settings = {
        "in_features": 6,
        "width": 16,
        "depth": 2,
        "num_heads": 2,
        "num_iterations": 3,
        "num_outputs": 4,
        "layer_scale": 1.0,
        **settings,
    }
    head = CameraHead(HeadConfig(**settings))
    for parameter in head.parameters():
        # Untrained modulation and empty tokens are small or zero and would hide mistakes.
        torch.nn.init.normal_(parameter, std=0.3)
    return head.to(dtype)


def make_clip(head, rows, num_frames=FRAMES, seed=1):
    generator = torch.Generator().manual_seed(seed)
    config = head.config
    shape = (rows, num_frames, config.num_tokens, config.in_features)
    features = torch.randn(shape, generator=generator, dtype=torch.float64)
    # Equal neighbours and gaps longer than a window are among the times.
    gaps = torch.rand(rows, num_frames, generator=generator, dtype=torch.float64)
    gaps = torch.where(gaps < 0.2, 0.0, gaps * 0.6) + 3.0 * (gaps > 0.95)
    return features.to(head.modulation.weight.dtype), gaps.cumsum(dim=1)


def random_cut(num_frames, seed):
    """Chunk lengths that add up to num_frames, from single frames to longer than any window."""
    generator = torch.Generator().manual_seed(seed)
    sizes = []
    while (left := num_frames - sum(sizes)) > 0:
        longest = (2, 5, num_frames)[int(torch.randint(3, (), generator=generator))]
        sizes.append(min(left, int(torch.randint(1, longest + 1, (), generator=generator))))
    return sizes


def stream(head, features, seconds, sizes, state=None):
    state = state or head.init_state(batch_size=len(features))
    outputs, start = [], 0
    for size in sizes:
        chunk = slice(start, start + size)
        outputs.append(head.step(features[:, chunk], state, seconds[:, chunk]))
        start += size
    passes = zip(*(output.iterations for output in outputs), strict=True)
    return torch.stack([torch.cat(parts, dim=1) for parts in passes])


def clip_passes(head, features, seconds):
    with torch.no_grad():
        return torch.stack(head(features, seconds).iterations)


def relative_error(result, expected):
    return float((result - expected).abs().max() / expected.abs().max())


def ragged_error(head, seed=5):
    """Largest error of three rows that are reset at different frames, in random chunks."""
    features, seconds = make_clip(head, rows=3)
    resets = {6: [1], 13: [0, 1], 17: [2]}
    starts = torch.zeros(3, dtype=torch.int64)
    state = head.init_state(batch_size=3)
    error, at = 0.0, 0
    cuts = sorted({*resets, *itertools.accumulate(random_cut(FRAMES, seed))})
    for end in cuts:
        result = stream(head, features[:, at:end], seconds[:, at:end], [end - at], state)
        for row, start in enumerate(starts.tolist()):
            expected = clip_passes(
                head, features[row, None, start:end], seconds[row, None, start:end]
            )
            error = max(error, relative_error(result[:, row], expected[:, 0, at - start :]))
        if end in resets:
            state.reset(rows=resets[end])
            starts[resets[end]] = end
        at = end
    return error


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("cache_scope", SCOPES)
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_stream_equals_clip_in_float64(policy, cache_scope, positions, largest_error):
    grid = itertools.product((1, 2, 4), (1, 3), (1, 3))
    for number, (iterations, depth, tokens) in enumerate(grid):
        margin = (0, 3)[number.bit_count() % 2]
        head = make_head(
            num_iterations=iterations,
            depth=depth,
            num_tokens=tokens,
            eviction=policy,
            cache_scope=cache_scope,
            positions=positions,
            rollback_margin=margin,
        )
        features, seconds = make_clip(head, rows=2)
        expected = clip_passes(head, features, seconds)
        for sizes in ([1] * FRAMES, random_cut(FRAMES, 7 * depth + margin), [FRAMES]):
            error = relative_error(stream(head, features, seconds, sizes), expected)
            largest_error("float64", error)
            assert error < 1e-10, (head.config, sizes)


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("cache_scope", SCOPES)
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_rows_at_different_frames_equal_their_own_clips(
    policy, cache_scope, positions, largest_error
):
    for tokens, margin in itertools.product((1, 2), (0, 4)):
        head = make_head(
            eviction=policy,
            cache_scope=cache_scope,
            positions=positions,
            num_tokens=tokens,
            rollback_margin=margin,
        )
        error = ragged_error(head)
        largest_error("float64, rows at different frames", error)
        assert error < 1e-10, head.config


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("cache_scope", SCOPES)
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_clip_equals_the_oracle(policy, cache_scope, positions):
    head = make_head(eviction=policy, cache_scope=cache_scope, positions=positions, num_tokens=2)
    features, seconds = make_clip(head, rows=2)
    result = clip_passes(head, features, seconds)
    for row in range(2):
        expected = oracle_predictions(head, features[row], seconds[row])
        assert relative_error(result[:, row], expected) < 1e-10


@pytest.mark.parametrize("cache_scope", SCOPES)
@pytest.mark.parametrize("policy", POLICIES[2::3], ids=str)
def test_stream_equals_clip_in_float32(policy, cache_scope, largest_error):
    head = make_head(torch.float32, eviction=policy, cache_scope=cache_scope, num_tokens=3)
    features, seconds = make_clip(head, rows=2, num_frames=60)
    expected = clip_passes(head, features, seconds)
    for sizes in ([1] * 60, random_cut(60, 3)):
        error = relative_error(stream(head, features, seconds, sizes), expected)
        largest_error("float32", error)
        assert error < 1e-4


@pytest.mark.parametrize("cache_scope", SCOPES)
def test_stream_equals_clip_in_bfloat16_up_to_its_rounding(cache_scope, largest_error):
    head = make_head(torch.bfloat16, eviction=SinkWindow(6, 2), cache_scope=cache_scope)
    features, seconds = make_clip(head, rows=2)
    expected = clip_passes(head, features, seconds).float()
    for sizes in ([1] * FRAMES, random_cut(FRAMES, 3)):
        error = relative_error(stream(head, features, seconds, sizes).float(), expected)
        largest_error("bfloat16", error)
        assert error < 0.1


def test_a_cache_in_bfloat16_costs_its_rounding_only(largest_error):
    head = make_head(torch.float32, eviction=SinkWindow(6, 2))
    features, seconds = make_clip(head, rows=2)
    state = head.init_state(batch_size=2, dtype=torch.bfloat16)
    result = stream(head, features, seconds, random_cut(FRAMES, 3), state)
    error = relative_error(result, clip_passes(head, features, seconds))
    largest_error("float32 with a bfloat16 cache", error)
    assert error < 0.05


@pytest.mark.parametrize("positions", ["index", "seconds"])
def test_a_stream_begun_late_equals_one_begun_at_zero(positions, largest_error):
    """Frame 10^8 is 39 days at 30 frames a second."""
    late = 10**8
    head = make_head(eviction=SinkWindow(6, 1), positions=positions)
    features, seconds = make_clip(head, rows=1, num_frames=40)
    sizes = random_cut(40, 2)
    expected = clip_passes(head, features, seconds)
    state = head.init_state(first_frame=late)
    offset = late / 30 if positions == "seconds" else 0.0
    result = stream(head, features, seconds + offset, sizes, state)
    error = relative_error(result, expected)
    largest_error(f"float64, begun at frame 10^8, positions in {positions}", error)
    # Times of that size have 5e-10 s left in float64; whole frame numbers lose nothing.
    assert error < (1e-7 if positions == "seconds" else 1e-10)
    assert state.cached_frames()[:2] == [late, late + 34]


@pytest.mark.parametrize("cache_scope", SCOPES)
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_rollback_undoes_frames_exactly(policy, cache_scope):
    head = make_head(eviction=policy, cache_scope=cache_scope, rollback_margin=4, num_tokens=2)
    features, seconds = make_clip(head, rows=2)
    detour, _ = make_clip(head, rows=2, seed=9)
    expected = clip_passes(head, features, seconds)
    state = head.init_state(batch_size=2)
    at, results = 0, []
    for size, wrong in ((3, 2), (1, 1), (9, 4), (2, 3), (7, 1)):
        results.append(stream(head, features[:, at:], seconds[:, at:], [size], state))
        at += size
        times = seconds[:, at - 1 : at].expand(-1, wrong)
        stream(head, detour[:, :wrong], times, [1] * wrong, state)
        state.rollback(wrong)
    assert relative_error(torch.cat(results, dim=2), expected) < 1e-10


@pytest.mark.parametrize("cache_scope", SCOPES)
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_forks_live_alone(policy, cache_scope):
    """A state and its fork go on in turns, on different frames, each as its own clip says."""
    head = make_head(eviction=policy, cache_scope=cache_scope)
    features, seconds = make_clip(head, rows=2)
    other = features.clone()
    other[:, 11:] = make_clip(head, rows=2, seed=9)[0][:, 11:]
    state = head.init_state(batch_size=2)
    stream(head, features, seconds, [4, 1, 6], state)
    twin = state.fork()
    passes, twin_passes = [], []
    for start, size in ((11, 1), (12, 1), (13, 4), (17, 1), (18, 4)):
        piece = slice(start, start + size)
        passes.append(stream(head, features[:, piece], seconds[:, piece], [size], state))
        twin_passes.append(stream(head, other[:, piece], seconds[:, piece], [size], twin))
    expected = clip_passes(head, features, seconds)[:, :, 11:]
    assert relative_error(torch.cat(passes, dim=2), expected) < 1e-10
    expected = clip_passes(head, other, seconds)[:, :, 11:]
    assert relative_error(torch.cat(twin_passes, dim=2), expected) < 1e-10


@pytest.mark.parametrize("cache_scope", SCOPES)
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_a_saved_state_goes_on_to_the_bit(policy, cache_scope, tmp_path):
    head = make_head(eviction=policy, cache_scope=cache_scope)
    features, seconds = make_clip(head, rows=2)
    state = head.init_state(batch_size=2)
    stream(head, features, seconds, [4, 1, 6], state)
    state.save(tmp_path / "state.safetensors")
    loaded = HeadState.load(tmp_path / "state.safetensors", head)
    rest = features[:, 11:], seconds[:, 11:]
    expected = stream(head, *rest, [1, 2, 8], state)
    assert torch.equal(stream(head, *rest, [1, 2, 8], loaded), expected)


def test_a_chunk_of_any_length_is_cut_where_memory_asks_for_it():
    head = make_head(eviction=SinkWindow(9, 2), num_tokens=5)
    features, seconds = make_clip(head, rows=1, num_frames=450)
    result = stream(head, features, seconds, [450])
    assert relative_error(result, clip_passes(head, features, seconds)) < 1e-10


class TestPlantedDefects:
    """Each of these breaks the promise on purpose; the same comparison must see it."""

    def errors(self, **settings):
        """Of single frames and of chunks; each test plants its defect before it asks."""
        head = make_head(eviction=SinkWindow(5, 1), **settings)
        features, seconds = make_clip(head, rows=2)
        expected = clip_passes(head, features, seconds)
        cuts = ([1] * FRAMES, [4, 9, 9])
        return [relative_error(stream(head, features, seconds, cut), expected) for cut in cuts]

    def test_nothing_planted(self):
        assert max(self.errors()) < 1e-10

    @pytest.mark.parametrize("off", [-1, 1])
    def test_a_window_that_is_off_by_one_in_the_stream(self, monkeypatch, off):
        def shifted(policy, queries, keys):
            return visible(replace(policy, window=policy.window + off), queries, keys)

        monkeypatch.setattr(slot_plan, "visible", shifted)
        assert min(self.errors()) > 1e-3

    def test_lanes_that_are_shared_by_iterations(self, monkeypatch):
        own, write = DenseStorage.lane, DenseStorage.write_frame
        chunk = DenseStorage.write_chunk
        monkeypatch.setattr(DenseStorage, "lane", lambda s, lane, place: own(s, lane % 2, place))
        monkeypatch.setattr(
            DenseStorage, "write_frame", lambda s, lane, *rest: write(s, lane % 2, *rest)
        )
        monkeypatch.setattr(
            DenseStorage, "write_chunk", lambda s, lane, *rest: chunk(s, lane % 2, *rest)
        )
        assert min(self.errors()) > 1e-3

    def test_eviction_before_the_chunks_first_query_is_served(self, monkeypatch):
        attend = attention.ChunkAttention.attend

        def write_first(self, iteration, layer, query, key, value):
            lane = iteration * self._depth + layer
            self._state.storage.write_chunk(lane, self._place, key, value)
            return attend(self, iteration, layer, query, key, value)

        monkeypatch.setattr(attention.ChunkAttention, "attend", write_first)
        one_by_one, in_chunks = self.errors(rollback_margin=0)
        assert one_by_one < 1e-10
        assert in_chunks > 1e-3

    def test_stale_slots_after_a_reset(self, monkeypatch):
        def forgets_the_slots(self, rows):
            self.num_seen = self.num_seen.index_fill(0, rows, 0)
            self._floor = self._floor.index_fill(0, rows, 0)
            self._last_seconds = self._last_seconds.index_fill(0, rows, -torch.inf)

        monkeypatch.setattr(SlotTable, "reset", forgets_the_slots)
        assert ragged_error(make_head(eviction=SinkWindow(5, 1))) > 1e-3

    def test_stale_slots_after_a_rollback(self, monkeypatch):
        def forgets_the_slots(self, num_frames, rows):
            self.num_seen = self.num_seen - num_frames

        monkeypatch.setattr(SlotTable, "rollback", forgets_the_slots)
        with pytest.raises(AssertionError):
            test_rollback_undoes_frames_exactly(SinkWindow(5, 3), "iteration")

    def test_forks_that_share_their_slots(self, monkeypatch):
        def shares(self):
            twin = HeadState.to(self)
            twin.storage = self.storage
            return twin

        monkeypatch.setattr(HeadState, "fork", shares)
        with pytest.raises(AssertionError):
            test_forks_live_alone(SinkWindow(5, 3), "iteration")
