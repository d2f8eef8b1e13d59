"""A step without modules says what one with them says, and notices whatever is done to them."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from vidcache.cache import SlidingWindow
from vidcache.errors import StateError
from vidcache.head import CameraHead, HeadConfig, with_fp16_weights, with_int8_weights
from vidcache.head.bare import bare
from vidcache.head.linear import Linear


def make_head() -> CameraHead:
    torch.manual_seed(0)
    config = HeadConfig(
        in_features=96, width=128, depth=2, num_heads=4, num_iterations=3, num_outputs=6,
        layer_scale=0.5, eviction=SlidingWindow(5),
    )  # fmt: skip
    return CameraHead(config).eval()


def stream(head: CameraHead, features: torch.Tensor, chunk: int = 1) -> torch.Tensor:
    state = head.init_state(len(features))
    parts = [
        head.step(features[:, at : at + chunk], state).prediction
        for at in range(0, features.shape[1], chunk)
    ]
    return torch.cat(parts, dim=1)


def count_calls(module: nn.Module) -> list[int]:
    calls = []
    module.register_forward_hook(lambda *_: calls.append(1))
    return calls


@pytest.fixture
def features():
    torch.manual_seed(1)
    return torch.randn(2, 9, 96)


@pytest.mark.parametrize("chunk", [1, 4])
@pytest.mark.parametrize("narrow", [lambda head: head, with_fp16_weights, with_int8_weights])
def test_with_and_without_modules_to_the_bit(features, narrow, chunk):
    head = narrow(make_head())
    without = stream(head, features, chunk)
    calls = count_calls(head.trunk_norm)
    assert torch.equal(stream(head, features, chunk), without)
    assert calls


def test_a_block_knows_all_its_parts():
    assert not isinstance(bare(make_head().trunk[0]), nn.Module)
    for kind in (nn.GELU(), nn.Linear(3, 3)):
        assert bare(kind) is kind


@pytest.mark.parametrize(
    "name",
    [
        "token_norm",
        "modulation",
        "trunk.1.attn",
        "trunk.0.mlp.fc1",
        "trunk.0.mlp.fc2",
        "trunk.1.ls1",
    ],
)
def test_hooks_are_called_whenever_they_came(features, name):
    head = make_head()
    state = head.init_state(2)
    head.step(features[:, :1], state)
    calls = count_calls(head.get_submodule(name))
    head.step(features[:, 1:2], state)
    assert calls


@pytest.mark.parametrize("layer", ["fc1", "fc2"])
def test_what_a_hook_returns_is_taken(features, layer):
    head = make_head()
    before = stream(head, features)
    head.trunk[0].mlp.get_submodule(layer).register_forward_hook(lambda _, __, out: 2 * out)
    doubled = stream(head, features)
    assert not torch.allclose(doubled, before)
    twin = make_head()
    with torch.no_grad():
        for weight in twin.trunk[0].mlp.get_submodule(layer).parameters():
            weight.mul_(2)
    torch.testing.assert_close(doubled, stream(twin, features), rtol=1e-4, atol=1e-5)


def test_a_layer_of_a_kind_made_from_ours_is_called(features):
    head = make_head()
    before = stream(head, features)
    layer = head.trunk[0].mlp.fc1
    head.trunk[0].mlp.fc1 = TwiceLinear(layer.in_features, layer.out_features)
    head.trunk[0].mlp.fc1.load_state_dict(layer.state_dict())
    assert not torch.allclose(stream(head, features), before)
    torch.testing.assert_close(
        stream(head, features), head(features).prediction, rtol=1e-4, atol=1e-5
    )


def test_an_adapter_is_trained_and_then_streamed(features):
    head = make_head()
    put_an_adapter(head)
    head.train()
    head(features).prediction.square().sum().backward()
    assert head.trunk[0].mlp.fc1.down.weight.grad.abs().max() > 0
    head.eval()
    torch.testing.assert_close(
        stream(head, features), head(features).prediction, rtol=1e-4, atol=1e-5
    )


def test_a_forward_of_somebody_else_is_called(features):
    head = make_head()
    before = stream(head, features)
    inner = head.trunk[1].mlp.forward
    head.trunk[1].mlp.forward = lambda x: 2 * inner(x)
    assert not torch.allclose(stream(head, features), before)
    torch.testing.assert_close(
        stream(head, features), head(features).prediction, rtol=1e-4, atol=1e-5
    )


def change_in_place(head):
    with torch.no_grad():
        head.trunk[0].norm1.weight.mul_(2)


def load(head):
    head.load_state_dict({name: 1.1 * weight for name, weight in head.state_dict().items()})


def load_others(head):
    others = {name: 1.1 * weight for name, weight in head.state_dict().items()}
    head.load_state_dict(others, assign=True)


def put_a_layer(head):
    head.trunk[1].attn.proj = Linear(128, 128)


def put_a_block(head):
    head.trunk[0] = copy.deepcopy(head.trunk[1])


def put_a_weight(head):
    head.trunk[1].ls2.gamma = nn.Parameter(torch.ones(128))


class WithAdapter(nn.Module):
    """A low-rank change beside a layer, as adapters for training put it."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.down = nn.Linear(layer.in_features, 4)
        self.up = nn.Linear(4, layer.out_features)

    def forward(self, x):
        return self.layer(x) + self.up(self.down(x))


class TwiceLinear(Linear):
    def forward(self, x):
        return 2 * super().forward(x)


def put_an_adapter(head):
    head.trunk[0].mlp.fc1 = WithAdapter(head.trunk[0].mlp.fc1)


def put_a_plain_layer(head):
    layer = head.trunk[0].mlp.fc1
    head.trunk[0].mlp.fc1 = nn.Linear(layer.in_features, layer.out_features)


def parametrize_before_a_gelu(head):
    with torch.no_grad():
        weights = parametrizations.weight_norm(head.trunk[0].mlp.fc1).parametrizations
        weights.weight.original0.mul_(2)


def parametrize(head):
    with torch.no_grad():
        parametrizations.weight_norm(head.trunk[0].attn.qkv).parametrizations.weight.original0.mul_(
            2
        )


@pytest.mark.parametrize(
    "change",
    [
        change_in_place, load, load_others, put_a_layer, put_a_block, put_a_weight, parametrize,
        put_an_adapter, put_a_plain_layer,
        parametrize_before_a_gelu,
    ],
)  # fmt: skip
def test_a_change_is_noticed(features, change):
    head = make_head()
    state = head.init_state(2)
    head.step(features[:, :3], state)
    before = stream(head, features)
    change(head)
    with pytest.raises(StateError, match="weights changed"):
        head.step(features[:, 3:4], state)
    after = stream(head, features)
    assert not torch.allclose(after, before)
    torch.testing.assert_close(after, head(features).prediction, rtol=1e-4, atol=1e-5)


def test_another_dtype_is_noticed(features):
    head = make_head()
    stream(head, features)
    head.double()
    double = features.double()
    torch.testing.assert_close(
        stream(head, double), head(double).prediction, rtol=1e-11, atol=1e-12
    )


def test_copies_go_their_own_ways(features):
    head = make_head()
    before = stream(head, features)
    for twin in (copy.deepcopy(head), pickle.loads(pickle.dumps(head))):
        assert twin.fingerprint() == head.fingerprint()
        assert torch.equal(stream(twin, features), before)
        change_in_place(twin)
        assert not torch.allclose(stream(twin, features), before)
        assert twin.fingerprint() != head.fingerprint()
    assert torch.equal(stream(head, features), before)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_predictions_and_states_are_usable_in_any_mode(features, mode):
    head = make_head()
    with mode():
        state = head.init_state(2)
        out = head.step(features[:, :1], state)
        head.step(features[:, 1:4], state)
    assert not any(part.is_inference() for part in (out.prediction, *out.iterations))
    weight = torch.ones(6, requires_grad=True)
    (out.prediction * weight).sum().backward()
    assert weight.grad is not None
    rest = head.step(features[:, 4:], state).prediction
    torch.testing.assert_close(rest, head(features).prediction[:, 4:], rtol=1e-4, atol=1e-5)


def test_autocast_is_left_to_the_modules(features):
    head = make_head()
    state = head.init_state(2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = [head.step(features[:, at : at + 1], state).prediction for at in range(3)]
    exact = stream(head, features)[:, :3]
    assert not torch.equal(torch.cat(cast, dim=1).float(), exact)
    torch.testing.assert_close(torch.cat(cast, dim=1).float(), exact, rtol=0.1, atol=0.1)


def test_a_head_of_somebody_else_keeps_its_own_passes(features):
    class Doubled(CameraHead):
        def _refine(self, features, rotation, attention):
            return super()._refine(2 * features, rotation, attention)

    head = make_head()
    doubled = Doubled(head.config).eval()
    doubled.load_state_dict(head.state_dict())
    expected = stream(head, 2 * features)
    torch.testing.assert_close(stream(doubled, features), expected, rtol=1e-5, atol=1e-6)
