"""Policies that judge frames by what attention made of them: the promises that all of them keep."""

from dataclasses import dataclass, replace

import pytest
import torch

from vidcache import (
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
    SlidingWindow,
    TimeWindow,
)
from vidcache.cache import (
    FrameRecords,
    FrameTimes,
    ScoredPolicy,
    policy_from_dict,
    register_policy,
)
from vidcache.cache.frame_scores import FrameScores, Gathered
from vidcache.errors import StateError

FRAMES = 40


@register_policy
@dataclass(frozen=True)
class OddFramesFirst(ScoredPolicy):
    """A policy of a user's own."""

    def worth(self, records):
        return records.index % 2


POLICIES = (
    HeavyHitter(budget=8, recent=3, sink_frames=1),
    HeavyHitter(budget=2, recent=1),
    LeastRecentlyAttended(budget=8, recent=2),
    LeastRecentlyAttended(budget=9, sink_frames=2),
    LeastNovel(budget=8, recent=2),
    LeastNovel(budget=10, recent=3, sink_frames=1),
    OddFramesFirst(budget=7),
    Composed((SlidingWindow(4), HeavyHitter(budget=5, recent=1))),
    Composed((TimeWindow(0.5, max_frames=4), LeastNovel(budget=5), PinnedFrames(2))),
    Composed((LogSpaced(2, levels=2), LeastRecentlyAttended(budget=4))),
)


def make_head(policy, dtype=torch.float64, **settings):
    torch.manual_seed(0)
    settings = {"num_iterations": 2, "depth": 2, "rollback_margin": 5, "num_tokens": 2, **settings}
    head = CameraHead(
        HeadConfig(6, 16, num_heads=2, num_outputs=3, eviction=policy, layer_scale=1.0, **settings)
    )
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return head.to(dtype)


def make_clip(head, rows=2, num_frames=FRAMES):
    generator = torch.Generator().manual_seed(1)
    shape = (rows, num_frames, head.config.num_tokens, head.config.in_features)
    features = torch.randn(shape, generator=generator, dtype=torch.float64)
    seconds = torch.arange(num_frames).expand(rows, -1) / 10
    return features.to(head.modulation.weight.dtype), seconds


def stream(head, features, seconds, sizes, state):
    parts = zip(features.split(sizes, 1), seconds.split(sizes, 1), strict=True)
    return torch.cat([head.step(part, state, times).prediction for part, times in parts], dim=1)


def held(state, row=0):
    return state.cached_frames(row)


@pytest.mark.parametrize("scope", ["iteration", "first_iteration"])
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_the_newest_frame_is_held_and_never_too_many_are(policy, scope):
    head = make_head(policy, cache_scope=scope)
    features, seconds = make_clip(head)
    state = head.init_state(batch_size=2)
    before = [set(), set()]
    for frame in range(FRAMES):
        head.step(features[:, frame : frame + 1], state, seconds[:, frame : frame + 1])
        for row in range(2):
            now = set(held(state, row))
            assert frame in now
            assert len(now) <= policy.capacity
            assert len(now) == int(state.num_cached[row])
            assert now <= before[row] | {frame}, "a frame that left returned"
            before[row] = now
    assert state.nbytes == head.config.predict_nbytes(2, torch.float64)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_the_budget_is_used(policy):
    if any(isinstance(part, TimeWindow | PinnedFrames | LogSpaced) for part in parts_of(policy)):
        pytest.skip("parts of it hold fewer frames than they might")
    head = make_head(policy)
    features, seconds = make_clip(head)
    state = head.init_state(batch_size=2)
    head.step(features, state, seconds)
    assert state.num_cached.tolist() == [policy.capacity] * 2


def parts_of(policy):
    return policy.parts if isinstance(policy, Composed) else (policy,)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_what_is_kept_does_not_depend_on_chunks_or_on_the_other_rows(policy):
    head = make_head(policy)
    features, seconds = make_clip(head)
    frames = [1] * FRAMES
    state = head.init_state(batch_size=2)
    expected = stream(head, features, seconds, frames, state)
    chunked = head.init_state(batch_size=2)
    result = stream(head, features, seconds, [3, 17, 1, 19], chunked)
    assert torch.equal(result, expected)
    for row in range(2):
        alone = head.init_state(batch_size=1)
        result = stream(head, features[row, None], seconds[row, None], frames, alone)
        torch.testing.assert_close(result[0], expected[row], rtol=1e-10, atol=1e-12)
        assert held(alone) == held(state, row) == held(chunked, row)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_the_stream_equals_the_clip_until_the_first_frame_is_let_go(policy):
    head = make_head(policy)
    features, seconds = make_clip(head)
    state = head.init_state(batch_size=2)
    result = stream(head, features, seconds, [1] * FRAMES, state)
    since = state.inexact_since
    with torch.no_grad():
        clip = head(features, seconds).prediction
    for row in range(2):
        first = since[row]
        assert first is not None
        assert first >= policy.capacity - 3
        torch.testing.assert_close(result[row, :first], clip[row, :first], rtol=1e-10, atol=1e-12)
        assert not torch.allclose(result[row, first:], clip[row, first:], rtol=1e-6)
    assert not state.stats().exact


@pytest.mark.parametrize("margin", [0, 1, 5])
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_rollback_brings_back_what_was_let_go(policy, margin):
    head = make_head(policy, rollback_margin=margin)
    features, seconds = make_clip(head, num_frames=FRAMES)
    straight = head.init_state(batch_size=2)
    expected = stream(head, features, seconds, [1] * FRAMES, straight)
    wrong = features.flip(1)
    state = head.init_state(batch_size=2)
    for frame in range(FRAMES):
        undone = min(margin, FRAMES - frame)
        if undone and frame % 3 == 1:
            stream(head, wrong[:, :undone], seconds[:, frame : frame + undone], [undone], state)
            state.rollback(undone)
        one = slice(frame, frame + 1)
        result = head.step(features[:, one], state, seconds[:, one]).prediction
        # Frames may lie in other slots than in a stream that never went back: sums are reordered.
        torch.testing.assert_close(result, expected[:, one], rtol=1e-10, atol=1e-12)
    assert state.inexact_since == straight.inexact_since
    assert [held(state, row) for row in (0, 1)] == [held(straight, row) for row in (0, 1)]


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_a_reset_row_begins_anew_and_the_other_goes_on(policy):
    head = make_head(policy)
    features, seconds = make_clip(head)
    state, alone = head.init_state(batch_size=2), head.init_state(batch_size=2)
    expected = stream(head, features, seconds, [1] * FRAMES, alone)
    stream(head, features[:, :23], seconds[:, :23], [23], state)
    state.reset(rows=[1])
    assert state.inexact_since[1] is None
    mixed = torch.stack([features[0, 23:], features[1, : FRAMES - 23]])
    times = torch.stack([seconds[0, 23:], seconds[1, : FRAMES - 23]])
    result = stream(head, mixed, times, [1] * (FRAMES - 23), state)
    assert torch.equal(result[0], expected[0, 23:])
    torch.testing.assert_close(result[1], expected[1, : FRAMES - 23], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_forks_and_saved_states_judge_as_the_stream_does(policy, tmp_path):
    head = make_head(policy)
    features, seconds = make_clip(head)
    state = head.init_state(batch_size=2)
    stream(head, features[:, :25], seconds[:, :25], [25], state)
    state.save(tmp_path / "state.safetensors")
    twins = [state.fork(), HeadState.load(tmp_path / "state.safetensors", head)]
    expected = stream(head, features[:, 25:], seconds[:, 25:], [1] * 15, state)
    for twin in twins:
        result = stream(head, features[:, 25:], seconds[:, 25:], [1] * 15, twin)
        assert torch.equal(result, expected)
        assert held(twin) == held(state)


@pytest.mark.parametrize(
    "policy",
    [p for p in POLICIES if p.max_pinned] + [Composed((SinkWindow(3, 1), PinnedFrames(2)))],
    ids=str,
)
def test_pinned_frames_stay_until_they_are_unpinned(policy):
    head = make_head(policy)
    features, seconds = make_clip(head)
    state = head.init_state(batch_size=2)
    stream(head, features[:, :3], seconds[:, :3], [3], state)
    state.pin(1, row=1)
    for frame in range(3, 30):
        head.step(features[:, frame : frame + 1], state, seconds[:, frame : frame + 1])
        assert 1 in held(state, row=1)
        assert len(held(state, row=1)) <= policy.capacity
    state.unpin(1, row=1)
    head.step(features[:, 30:], state, seconds[:, 30:])
    assert not state.stats().exact
    state.reset()
    assert not bool(state.slots.held.pinned.any())


def test_no_more_frames_are_pinned_than_there_is_room_for():
    head = make_head(HeavyHitter(budget=6, recent=2, sink_frames=1))
    features, seconds = make_clip(head)
    state = head.init_state(batch_size=2)
    stream(head, features[:, :5], seconds[:, :5], [5], state)
    for frame in (1, 2):
        state.pin(frame)
    state.pin(2)
    with pytest.raises(StateError, match="room for 2 pinned"):
        state.pin(3)
    with pytest.raises(StateError, match="frame 17 of row 0 is not held"):
        state.pin(17)
    plain = make_head(SlidingWindow(4))
    state = plain.init_state(batch_size=2)
    stream(plain, features[:, :5], seconds[:, :5], [5], state)
    with pytest.raises(StateError, match="PinnedFrames"):
        state.pin(4)


def test_heavy_hitters_are_what_was_attended_most_a_step():
    records = FrameRecords(
        index=torch.tensor([[0, 1, 2, 3]]),
        seconds=torch.zeros(1, 4),
        seen=torch.ones(1, 4, dtype=torch.bool),
        attention=torch.tensor([[0.5, 0.3, 0.9, 0.16]]),
        last_attended=torch.tensor([[9, 8, 7, 6]]),
        keys=torch.zeros(1, 4, 0),
    )
    assert HeavyHitter(4).worth(records).argmin() == 1
    assert LeastRecentlyAttended(4).worth(records).argmin() == 3


def test_a_step_attends_to_the_other_frame_of_its_largest_share():
    scores = FrameScores("attention", 1, 3, rollback_margin=0, key_features=0)
    held = FrameTimes(torch.tensor([[0, 1, 2]]), torch.zeros(1, 3))
    for frame, shares in enumerate(([1.0, 0, 0], [0.4, 0.6, 0], [0.1, 0.2, 0.7])):
        given = Gathered(torch.tensor([shares]))
        scores.add(held, torch.tensor([frame]), given)
    known = scores.records(held, torch.tensor([3]), torch.ones(1, 3, dtype=torch.bool))
    assert known.last_attended.tolist() == [[1, 2, 2]]


def test_gathered_attention_is_that_of_the_last_pass():
    """One layer, one token: the mass of each frame is the mean softmax over heads."""
    policy = HeavyHitter(budget=4, recent=1)
    head = make_head(policy, depth=1, num_tokens=1, positions="none", num_iterations=1)
    features, seconds = make_clip(head, rows=1, num_frames=4)
    state = head.init_state(batch_size=1)
    stream(head, features, seconds, [1] * 4, state)
    attention = head.trunk[0].attn
    caught = []
    handle = attention.qkv.register_forward_hook(lambda _m, _i, out: caught.append(out))
    with torch.no_grad():
        head(features, seconds)
    handle.remove()
    query, key = caught[0].unflatten(-1, (3, 2, -1))[0].unbind(1)[:2]
    scores = torch.einsum("qhd,khd->hqk", query, key) * query.shape[-1] ** -0.5
    scores = scores.masked_fill(torch.ones(4, 4).triu(1).bool(), -torch.inf)
    mass = scores.softmax(-1).mean(0).sum(0)
    records = state.slots._scores.records(
        state.slots.held, state.num_seen, state.slots.remembered()
    )
    order = state.slots.held.index[0].argsort()[-4:]
    torch.testing.assert_close(records.attention[0, order], mass, rtol=1e-10, atol=1e-12)


def test_novelty_is_what_the_neighbours_leave_unexplained():
    keys = torch.tensor([[[1.0, 0, 0], [2.0, 0, 0], [0, 1.0, 0], [1.0, 1.0, 0], [0, 0, 3.0]]])
    shuffled = torch.tensor([3, 0, 4, 2, 1])
    worth = LeastNovel(4).worth(
        FrameRecords(
            index=shuffled[None],
            seconds=torch.zeros(1, 5),
            seen=torch.ones(1, 5, dtype=torch.bool),
            attention=torch.zeros(1, 0),
            last_attended=torch.zeros(1, 0),
            keys=keys[:, shuffled],
        )
    )
    in_order = torch.empty(5).scatter_(0, shuffled, worth[0])
    # 0 is a multiple of 1 and the other way round; half of 3 is along 2, and nothing of 4.
    expected = torch.tensor([0.0, 0.0, 0.0, 1.0, 9.0])
    torch.testing.assert_close(in_order, expected, rtol=0, atol=1e-6)


def test_positions_do_not_make_frames_novel():
    """A still picture is not novel anywhere, though the keys of its frames are rotated apart."""
    policy = LeastNovel(budget=4, recent=1)
    head = make_head(policy, num_tokens=1)
    features, seconds = make_clip(head, rows=1)
    still = features[:, :1].expand(-1, FRAMES, -1, -1).clone()
    still[:, 7] = features[:, 20]
    state = head.init_state(batch_size=1)
    stream(head, still, seconds, [1] * FRAMES, state)
    assert 7 in held(state)


def test_scored_policies_survive_a_config_file():
    for policy in POLICIES:
        assert policy_from_dict(policy.to_dict()) == policy
        config = make_head(policy).config
        assert HeadConfig.from_dict(config.to_dict()) == config
        assert replace(config, eviction=SlidingWindow(3)) != config
