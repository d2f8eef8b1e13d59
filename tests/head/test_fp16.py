"""A head with fp16 weights says what the head says, and streams as exactly as it does."""

import copy
import pickle

import pytest
import torch
from torch.nn.functional import gelu, linear

from vidcache.errors import StateError
from vidcache.head import with_fp16_weights
from vidcache.head.fp16 import Fp16Linear, Fp16Product

needs_fbgemm = pytest.mark.skipif(
    not Fp16Product.is_supported(), reason="this PyTorch has no fp16 product"
)


def _layer(bias=True):
    torch.manual_seed(0)
    return torch.nn.Linear(96, 160, bias=bias)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("num_rows", [1, 5, 32, 33, 100])
def test_only_the_weights_are_rounded(num_rows, bias):
    layer = _layer(bias)
    x = torch.randn(num_rows, 3, 96)[:, 1]
    rounded = linear(x, layer.weight.half().float(), layer.bias)
    narrow = Fp16Linear(layer)
    torch.testing.assert_close(narrow(x), rounded, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(narrow.gelu(x), gelu(rounded), rtol=1e-5, atol=1e-5)
    assert not torch.equal(narrow(x), layer(x))


@needs_fbgemm
def test_a_pytorch_that_has_dropped_the_short_call_says_the_same(monkeypatch):
    layer, x = _layer(), torch.randn(3, 96)
    expected = Fp16Linear(layer)(x)
    monkeypatch.delattr(torch, "fbgemm_linear_fp16_weight_fp32_activation", raising=False)
    torch.testing.assert_close(Fp16Linear(layer)(x), expected, rtol=1e-6, atol=1e-6)


def test_without_fbgemm_it_is_pytorch_s_product(monkeypatch):
    layer, x = _layer(), torch.randn(3, 96)
    monkeypatch.setattr(Fp16Product, "is_supported", lambda: False)
    assert torch.equal(Fp16Linear(layer)(x), linear(x, layer.weight.half().float(), layer.bias))


def test_other_dtypes_are_multiplied_too():
    layer = _layer()
    narrow = Fp16Linear(layer).double()
    x = torch.randn(2, 96, dtype=torch.float64)
    assert narrow(x).dtype is torch.float64


def test_nobody_is_warned(recwarn):
    Fp16Linear(_layer())(torch.randn(1, 96))
    assert not recwarn.list


def test_a_weight_or_bias_changed_in_place_is_packed_anew():
    narrow, x = Fp16Linear(_layer()), torch.randn(2, 96)
    before = narrow(x)
    narrow.weight.mul_(2)
    narrow.bias.mul_(2)
    torch.testing.assert_close(narrow(x), 2 * before, rtol=1e-5, atol=1e-5)


def test_copies_and_pickles_say_the_same():
    narrow, x = Fp16Linear(_layer()), torch.randn(2, 96)
    expected = narrow(x)
    for twin in (copy.deepcopy(narrow), pickle.loads(pickle.dumps(narrow))):
        assert "_product" not in twin.__dict__
        assert torch.equal(twin(x), expected)


def test_layers_that_fp16_cannot_hold_stay_as_they_are(head):
    with torch.no_grad():
        head.trunk[0].attn.qkv.weight[0, 0] = 1e6
    quick = with_fp16_weights(head)
    assert not isinstance(quick.trunk[0].attn.qkv, Fp16Linear)
    assert isinstance(quick.trunk[1].attn.qkv, Fp16Linear)
    double = with_fp16_weights(head.double())
    assert not any(isinstance(module, Fp16Linear) for module in double.modules())


def test_predictions_stay(head):
    quick = with_fp16_weights(head)
    assert sum(isinstance(module, Fp16Linear) for module in quick.modules()) >= 8
    assert not any(isinstance(module, Fp16Linear) for module in head.modules())
    features = torch.randn(2, 40, 128)
    with torch.no_grad():
        exact, rounded = head(features).prediction, quick(features).prediction
    assert (exact - rounded).abs().max() < 0.002 * exact.abs().max()


@pytest.mark.parametrize("chunk", [1, 3, 8])
def test_stream_and_clip_agree_as_in_fp32(head, chunk):
    quick = with_fp16_weights(head)
    features = torch.randn(2, 24, 128)
    state = quick.init_state(batch_size=2)
    stream = torch.cat(
        [quick.step(features[:, at : at + chunk], state).prediction for at in range(0, 24, chunk)],
        dim=1,
    )
    torch.testing.assert_close(stream, quick(features).prediction, rtol=1e-4, atol=1e-5)


def test_a_state_of_the_one_is_refused_by_the_other(head):
    quick = with_fp16_weights(head)
    assert quick.fingerprint() != head.fingerprint()
    with pytest.raises(StateError):
        quick.step(torch.randn(1, 1, 128), head.init_state())
