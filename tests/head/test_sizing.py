"""What a plan says is what a state takes and what a step computes."""

from dataclasses import replace

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from vidcache.cache import (
    Composed,
    HeavyHitter,
    LeastNovel,
    LogSpaced,
    PinnedFrames,
    SinkWindow,
    SlidingWindow,
    TimeWindow,
)
from vidcache.cache.eviction.resizing import largest_policy, resized
from vidcache.errors import ConfigError
from vidcache.head import CameraHead, HeadConfig, plan

POLICIES = (
    SlidingWindow(9),
    SinkWindow(window=5, sink_frames=3),
    TimeWindow(seconds=2.0, max_frames=7),
    LogSpaced(window=4, levels=3),
    HeavyHitter(budget=12, recent=3),
    LeastNovel(budget=12, recent=3),
    Composed((PinnedFrames(2), SlidingWindow(6))),
)
CONFIG = HeadConfig(
    in_features=24, width=32, depth=3, num_heads=4, num_iterations=2, num_outputs=5, num_tokens=3
)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@pytest.mark.parametrize("cache_scope", ["iteration", "first_iteration"])
def test_bytes_are_those_of_the_state(policy, cache_scope):
    config = replace(CONFIG, eviction=policy, cache_scope=cache_scope)
    for dtype in (torch.float32, torch.bfloat16):
        costs = plan(config, streams=3, dtype=dtype)
        state = CameraHead(config).init_state(3, dtype=dtype)
        assert costs.nbytes == state.nbytes
        assert costs.nbytes == 3 * costs.nbytes_stream
        assert costs.nbytes_stream == costs.num_slots * costs.nbytes_frame


@pytest.mark.parametrize(("key_format", "value_format"), [("int8", "bf16"), ("fp8", "int8")])
def test_bytes_are_those_of_the_state_in_any_format(key_format, value_format):
    formats = {"key_format": key_format, "value_format": value_format}
    state = CameraHead(CONFIG).init_state(2, **formats)
    assert plan(CONFIG, streams=2, **formats).nbytes == state.nbytes


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@pytest.mark.parametrize("width", [32, 24])
def test_flops_are_those_of_a_step(policy, width):
    config = replace(CONFIG, eviction=policy, width=width)
    # The counter looks at gradients, which a step has none of.
    head = CameraHead(config).requires_grad_(False)
    state = head.init_state()
    frame, seconds = torch.randn(1, 1, 3, 24), torch.zeros(1, 1)
    head.step(frame, state, seconds)
    # Fused attention on a processor is not counted; the plain one has the same products.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        head.step(frame, state, seconds)
    costs = plan(config)
    counts = counter.get_flop_counts()["Global"]
    products = {str(operator): count for operator, count in counts.items()}
    assert costs.flops_attention == products.pop("aten.bmm")
    assert costs.flops_projections == sum(products.values())
    assert costs.flops == counter.get_total_flops()


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@pytest.mark.parametrize("frames", [30, 31, 1000])
def test_the_largest_window_fits_and_one_more_does_not(policy, frames):
    config = replace(CONFIG, eviction=policy)
    budget = 4 * frames * plan(config).nbytes_frame + 17
    costs = plan(config, streams=4, budget_bytes=budget)
    assert costs.fits
    largest = costs.largest
    assert type(largest) is type(policy)
    assert plan(replace(config, eviction=largest), streams=4).nbytes <= budget
    size = next(n for n in range(1, 2000) if resized(policy, n + 20) == resized(largest, n + 20))
    assert size == 1, "all but the size is as it was"
    step = next(
        resized(policy, n)
        for n in range(20, 3000)
        if resized(policy, n).capacity > largest.capacity
    )
    assert plan(replace(config, eviction=step), streams=4).nbytes > budget


def test_a_budget_that_is_too_small_for_anything_has_no_window():
    costs = plan(CONFIG, budget_bytes=10)
    assert (costs.fits, costs.largest) == (False, None)
    # The recent frames and the first one need room of their own.
    assert largest_policy(HeavyHitter(budget=12, recent=9, sink_frames=1), 8) is None


def test_without_a_budget_everything_fits():
    costs = plan(CONFIG)
    assert (costs.fits, costs.budget_bytes, costs.largest) == (True, None, None)


def test_the_first_part_that_has_a_size_is_resized():
    assert resized(POLICIES[-1], 5) == Composed((PinnedFrames(5), SlidingWindow(6)))


@pytest.mark.parametrize("wrong", [{"streams": 0}, {"budget_bytes": -1}, {"key_format": "int9"}])
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(ConfigError):
        plan(CONFIG, **wrong)
