import copy
from dataclasses import replace

import pytest
import torch

from vidcache import CameraHead, HeadConfig, SinkWindow, SlidingWindow, TimeWindow
from vidcache.errors import InputError, StateError

SMALL = HeadConfig(
    in_features=8, width=16, depth=2, num_heads=2, num_iterations=2, num_outputs=3,
    eviction=SlidingWindow(4),
)  # fmt: skip


@pytest.fixture
def head():
    torch.manual_seed(0)
    return CameraHead(SMALL)


def test_forward_returns_a_prediction_for_each_pass(head):
    output = head(torch.randn(2, 5, 8))
    assert output.prediction.shape == (2, 5, 3)
    assert len(output.iterations) == 2
    assert torch.equal(output.iterations[-1], output.prediction)


def test_a_token_axis_of_one_may_be_left_out(head):
    features = torch.randn(2, 5, 8)
    assert torch.equal(head(features).prediction, head(features[:, :, None]).prediction)


def test_forward_trains_every_weight_and_step_none(head):
    torch.stack(head(torch.randn(2, 5, 8)).iterations).sum().backward()
    without = [name for name, weight in head.named_parameters() if weight.grad is None]
    assert without == []
    assert not head.step(torch.randn(1, 1, 8), head.init_state()).prediction.requires_grad


def test_the_previous_prediction_is_detached_between_passes(head):
    output = head(torch.randn(1, 3, 8))
    first, second = output.iterations
    (grad,) = torch.autograd.grad(second.sum(), first, allow_unused=True) or (None,)
    assert grad is None


def test_two_streams_in_one_head_never_touch(head):
    features = torch.randn(2, 6, 8)
    alone = head(features[:1]).prediction
    first, second = head.init_state(), head.init_state()
    steps = []
    for t in range(6):
        steps.append(head.step(features[:1, t : t + 1], first).prediction)
        head.step(features[1:, t : t + 1], second)
    torch.testing.assert_close(torch.cat(steps, dim=1), alone)


def test_a_row_does_not_depend_on_its_neighbours(head):
    features = torch.randn(3, 6, 8)
    together = head(features).prediction
    torch.testing.assert_close(together[1:2], head(features[1:2]).prediction)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 5, 9), "C=8"),
        ((5, 8), "expected"),
        ((1, 2, 2, 8), "N=1"),
        ((1, 0, 8), "no frame"),
    ],
)
def test_features_of_the_wrong_shape_are_refused(head, shape, message):
    with pytest.raises(InputError, match=message):
        head(torch.zeros(shape))


def test_features_of_another_dtype_are_refused(head):
    with pytest.raises(InputError, match="float64"):
        head(torch.zeros(1, 2, 8, dtype=torch.float64))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_broken_frame_is_refused_and_leaves_the_state_as_it_was(head, value):
    features = torch.randn(1, 6, 8)
    state = head.init_state()
    head.step(features[:, :3], state)
    broken = features[:, 3:4].clone()
    broken[0, 0, 2] = value
    with pytest.raises(InputError, match="NaN or infinity"):
        head.step(broken, state)
    assert state.num_seen.tolist() == [3]
    rest = head.step(features[:, 3:], state).prediction
    torch.testing.assert_close(rest, head(features).prediction[:, 3:])


@pytest.mark.parametrize("size", [1e15, 1e18, 1.2e19, 1e20, 3e38])
@pytest.mark.parametrize("count", [1, 7, 8])
def test_no_feature_is_so_large_that_later_frames_suffer(head, size, count):
    features = torch.randn(2, 9, 8)
    features[0, 3, :count] *= size / features[0, 3, :count].abs()
    state = head.init_state(2)
    refused = 0
    for frame in features.split(1, dim=1):
        try:
            prediction = head.step(frame, state).prediction
        except InputError:
            refused += 1
        else:
            assert prediction.isfinite().all()
    assert refused or size < 1e20 or count < 8
    assert not refused or size >= 1e20


def test_the_squares_of_many_frames_may_add_up_to_infinity(head):
    features = 1e18 * torch.randn(2, 500, 8)
    state = head.init_state(2)
    parts = [head.step(part, state).prediction for part in features.split(250, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), head(features).prediction)


def test_an_interrupted_step_leaves_the_state_as_it_was(head, monkeypatch):
    features = torch.randn(1, 12, 8)
    state = head.init_state()
    head.step(features[:, :7], state)
    for piece in (slice(7, 8), slice(7, 10)):
        with monkeypatch.context() as patch:
            patch.setattr(head.trunk[1], "forward", _interrupt)
            with pytest.raises(KeyboardInterrupt):
                head.step(features[:, piece], state)
    rest = head.step(features[:, 7:], state).prediction
    torch.testing.assert_close(rest, head(features).prediction[:, 7:])


def _interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_iterations": 4}, "num_iterations 2 → 4"),
        ({"eviction": SlidingWindow(5)}, "eviction"),
        ({"cache_scope": "first_iteration"}, "cache_scope"),
    ],
)
def test_changing_the_rules_in_mid_stream_is_an_error_that_says_so(head, change, message):
    state = head.init_state()
    head.step(torch.randn(1, 2, 8), state)
    head.config = replace(head.config, **change)
    with pytest.raises(StateError, match=message):
        head.step(torch.randn(1, 1, 8), state)


def test_changing_the_dtype_in_mid_stream_is_an_error_that_says_so(head):
    state = head.init_state()
    head.double()
    with pytest.raises(StateError, match=r"float32.*float64"):
        head.step(torch.randn(1, 1, 8, dtype=torch.float64), state)


def test_step_refuses_another_batch_size(head):
    with pytest.raises(StateError, match="hold 2 streams, the state 1"):
        head.step(torch.randn(2, 1, 8), head.init_state())


def test_step_refuses_a_state_whose_weights_changed(head):
    state = head.init_state()
    head.step(torch.randn(1, 1, 8), state)
    with torch.no_grad():
        head.trunk[0].mlp.fc1.bias[0] += 1e-3
    with pytest.raises(StateError, match="weights changed"):
        head.step(torch.randn(1, 1, 8), state)


@pytest.mark.parametrize("assign", [False, True])
def test_step_refuses_a_state_after_other_weights_were_loaded(head, assign):
    state = head.init_state()
    other = {name: weight + 0.01 for name, weight in head.state_dict().items()}
    head.load_state_dict(other, assign=assign)
    with pytest.raises(StateError, match="weights changed"):
        head.step(torch.randn(1, 1, 8), state)


def test_copies_of_a_head_watch_their_own_weights(head):
    twin = copy.deepcopy(head)
    state = twin.init_state()
    with torch.no_grad():
        head.modulation.weight += 1
    twin.step(torch.randn(1, 1, 8), state)
    assert twin.fingerprint() != head.fingerprint()


def test_a_state_outlives_a_copy_of_the_same_weights(head):
    state = head.init_state()
    head.load_state_dict({name: weight.clone() for name, weight in head.state_dict().items()})
    head.step(torch.randn(1, 1, 8), state)


@pytest.mark.parametrize(
    "settings",
    [{"positions": "seconds"}, {"eviction": TimeWindow(seconds=1.0, max_frames=4)}],
)
def test_a_head_that_counts_seconds_asks_for_them(settings):
    head = CameraHead(replace(SMALL, **settings))
    features = torch.randn(1, 3, 8)
    with pytest.raises(InputError, match="pass seconds="):
        head(features)
    with pytest.raises(InputError, match="pass seconds="):
        head.step(features, head.init_state())
    with pytest.raises(InputError, match=r"expected \(B, T\) = \(1, 3\)"):
        head(features, torch.zeros(1, 2))


def test_times_must_not_go_backwards_in_a_row_but_may_differ_between_rows():
    head = CameraHead(replace(SMALL, positions="seconds"))
    state = head.init_state(batch_size=2)
    features = torch.randn(2, 1, 8)
    head.step(features, state, torch.tensor([[5.0], [1.0]]))
    for seconds in ([[4.9], [2.0]], [[torch.nan], [2.0]]):
        with pytest.raises(InputError, match="seconds"):
            head.step(features, state, torch.tensor(seconds))
    state.reset(rows=[0])
    head.step(features, state, torch.tensor([[0.0], [2.0]]))
    assert state.num_seen.tolist() == [1, 2]


def test_seconds_at_a_steady_rate_equal_indices():
    torch.manual_seed(0)
    by_index = CameraHead(replace(SMALL, layer_scale=1.0)).double()
    by_seconds = CameraHead(
        replace(SMALL, layer_scale=1.0, positions="seconds", positions_per_second=25.0)
    ).double()
    by_seconds.load_state_dict(by_index.state_dict())
    features = torch.randn(1, 9, 8, dtype=torch.float64)
    seconds = torch.arange(9, dtype=torch.float64)[None] / 25
    result = by_seconds(features, seconds).prediction
    torch.testing.assert_close(result, by_index(features).prediction, rtol=1e-9, atol=1e-12)


def test_autocast_runs_clip_and_stream(head):
    features = torch.randn(1, 6, 8)
    with torch.autocast("cpu", torch.bfloat16):
        clip = head(features).prediction.float()
        stream = head.step(features, head.init_state()).prediction.float()
    torch.testing.assert_close(stream, clip, rtol=0.1, atol=0.05)


def test_states_pass_in_and_out_of_inference_mode(head):
    features = torch.randn(2, 14, 8)
    with torch.inference_mode():
        state = head.init_state(batch_size=2)
        head.step(features[:, :5], state)
        head.step(features[:, 5:6], state)
        state.rollback(1)
    head.step(features[:, 5:6], state)
    state.reset(rows=[1])
    with torch.inference_mode():
        state.reset(rows=[1])
    rest = head.step(features[:, 6:], state).prediction
    torch.testing.assert_close(rest[:1], head(features).prediction[:1, 6:])
    torch.testing.assert_close(rest[1:], head(features[1:, 6:]).prediction)


def test_a_step_copies_no_history():
    """Of the window, a step makes bookkeeping, two numbers a slot, and no keys or values.

    One number is for what the frame sees, the other for what a rollback would have to see.
    """
    window = 4096
    head = CameraHead(replace(SMALL, eviction=SinkWindow(window, 1)))
    state = head.init_state()
    head.step(torch.randn(1, 80, 8), state)
    with _AllocationLog() as log:
        head.step(torch.randn(1, 1, 8), state)
    assert max(log.sizes) <= 2 * state.layout.num_slots


class _AllocationLog(torch.utils._python_dispatch.TorchDispatchMode):
    """Notes how many numbers each new tensor holds."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        known = {tensor.untyped_storage().data_ptr() for tensor in _tensors(args)}
        result = func(*args, **(kwargs or {}))
        for tensor in _tensors(result):
            new = tensor.untyped_storage().data_ptr() not in known
            if new:
                self.sizes.append(tensor.numel())
        return result


def _tensors(tree):
    return [
        leaf for leaf in torch.utils._pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)
    ]


def test_repr_of_a_state_is_short(head):
    state = head.init_state(batch_size=2)
    head.step(torch.randn(2, 6, 8), state)
    assert (
        repr(state)
        == f"HeadState(rows=2, num_seen=[6, 6], num_cached=[4, 4], nbytes={state.nbytes})"
    )
