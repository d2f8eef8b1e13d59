from dataclasses import dataclass

import pytest
import torch

from vidcache import (
    CameraHead,
    Composed,
    EvictionPolicy,
    HeadConfig,
    HeavyHitter,
    LeastNovel,
    LogSpaced,
    PinnedFrames,
    SinkWindow,
    SlidingWindow,
    TimeWindow,
)
from vidcache.cache import FrameTimes, policy_from_dict, register_policy, visible
from vidcache.errors import ConfigError

POLICIES = (
    SlidingWindow(4),
    SinkWindow(3, 2),
    TimeWindow(seconds=0.5, max_frames=6),
    LogSpaced(window=4, levels=2),
    LogSpaced(window=1, levels=3),
    PinnedFrames(3),
    Composed((SlidingWindow(3), LogSpaced(window=2, levels=2))),
    Composed((TimeWindow(seconds=0.5, max_frames=6), PinnedFrames(1))),
)


def times(num_frames, rate=10.0):
    index = torch.arange(num_frames)[None]
    return FrameTimes(index, index / rate)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_frames_see_themselves_and_nothing_later(policy):
    mask = visible(policy, times(30), times(30))[0]
    assert bool(mask.diagonal().all())
    assert not bool(mask.triu(1).any())


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_a_query_sees_at_most_the_capacity(policy):
    mask = visible(policy, times(30), times(30))[0]
    assert int(mask.sum(dim=1).max()) <= policy.capacity


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_a_frame_that_left_never_returns(policy):
    mask = visible(policy, times(30), times(30))[0]
    for frame in range(30):
        seen = mask[frame:, frame].int()
        assert bool((seen.diff() <= 0).all())


@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_settings_survive_a_config_file(policy):
    assert policy_from_dict(policy.to_dict()) == policy


def test_window_counts_the_current_frame():
    mask = visible(SlidingWindow(3), times(6), times(6))[0]
    assert mask[5].tolist() == [False, False, False, True, True, True]


def test_sinks_stay_beside_the_window():
    mask = visible(SinkWindow(window=2, sink_frames=1), times(6), times(6))[0]
    assert mask[5].tolist() == [True, False, False, False, True, True]


def test_a_time_window_is_half_open_and_bounded_in_frames():
    assert visible(TimeWindow(0.3, 9), times(6), times(6))[0, 5].sum() == 3
    assert visible(TimeWindow(9.0, 2), times(6), times(6))[0, 5].sum() == 2


def test_log_spacing_is_dense_near_and_sparse_far():
    mask = visible(LogSpaced(window=4, levels=2), times(40), times(40))[0]
    assert mask[39].nonzero().flatten().tolist() == [24, 28, 32, 34, 36, 37, 38, 39]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SlidingWindow(0), "window is 0"),
        (lambda: SlidingWindow(2.5), "window is 2.5"),
        (lambda: SinkWindow(4, -1), "sink_frames is -1"),
        (lambda: TimeWindow(0.0, 4), "seconds is 0.0"),
        (lambda: TimeWindow(float("nan"), 4), "seconds is nan"),
        (lambda: LogSpaced(0), "window is 0"),
        (lambda: LogSpaced(4, 60), "levels is 60"),
        (lambda: PinnedFrames(0), "max_frames is 0"),
        (lambda: Composed(()), "give policies"),
        (lambda: Composed((SlidingWindow(3), "SlidingWindow")), "give policies"),
        (lambda: Composed((HeavyHitter(8), LeastNovel(8))), "HeavyHitter, LeastNovel both judge"),
        (lambda: HeavyHitter(1), "budget is 1"),
        (lambda: HeavyHitter(8, recent=6, sink_frames=2), "leaves nothing to choose"),
        (lambda: policy_from_dict({"policy": "SlidingWindw", "window": 3}), "SlidingWindow"),
        (lambda: policy_from_dict({"policy": "SlidingWindow", "size": 3}), "size"),
    ],
)
def test_wrong_settings_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_policy_of_ones_own_streams_exactly_once_it_is_registered():
    @register_policy
    @dataclass(frozen=True)
    class EveryOther(EvictionPolicy):
        frames: int

        @property
        def capacity(self):
            return self.frames // 2 + 1

        def reaches(self, query, key):
            age = query.index - key.index
            return (age < self.frames) & ((key.index % 2 == 0) | (age == 0))

    torch.manual_seed(0)
    policy = policy_from_dict({"policy": "EveryOther", "frames": 7})
    head = CameraHead(
        HeadConfig(8, 16, 2, 2, num_iterations=2, num_outputs=3, eviction=policy)
    ).double()
    features = torch.randn(2, 25, 8, dtype=torch.float64)
    expected = head(features).prediction
    for sizes in ([1] * 25, [3, 1, 1, 12, 8]):
        state = head.init_state(batch_size=2)
        parts = [head.step(part, state).prediction for part in features.split(sizes, dim=1)]
        torch.testing.assert_close(torch.cat(parts, 1), expected, rtol=1e-10, atol=1e-12)
