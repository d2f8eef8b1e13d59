"""A head's linear layers say what PyTorch's do, packed or not, and never what they said before."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn.functional import gelu

from vidcache.head.linear import Linear, PackedWeight


def _layer(in_features: int = 96, out_features: int = 256) -> Linear:
    torch.manual_seed(0)
    return Linear(in_features, out_features)


@pytest.mark.parametrize("num_rows", [1, 2, 7, 64])
def test_a_product_without_gradients_is_that_of_pytorch(num_rows: int):
    layer, x = _layer(), torch.randn(num_rows, 96)
    with torch.no_grad():
        expected = nn.functional.linear(x, layer.weight, layer.bias)
        torch.testing.assert_close(layer(x), expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(layer.gelu(x), gelu(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("num_rows", [1, 2, 8, 9, 64])
@pytest.mark.parametrize("out_features", [7, 2048])
def test_the_gelu_of_a_product_with_as_many_or_as_few_numbers(num_rows: int, out_features: int):
    product, x = _layer(96, out_features).product(), torch.randn(3, num_rows, 96)
    with torch.no_grad():
        out = product.gelu(x)
        expected = gelu(product(x).double()).float()
    assert out.is_contiguous()
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=2e-6)


def test_bf16_weights_are_packed_where_the_processor_multiplies_them():
    layer, x = _layer().bfloat16(), torch.randn(4, 96).bfloat16()
    with torch.no_grad():
        expected = nn.functional.linear(x.float(), layer.weight.float(), layer.bias.float())
        torch.testing.assert_close(layer(x).float(), expected, rtol=2e-2, atol=2e-2)


def test_gradients_flow_through_the_layer():
    layer, x = _layer(), torch.randn(5, 96)
    layer.gelu(x).sum().backward()
    twin = nn.Linear(96, 256)
    twin.load_state_dict(layer.state_dict())
    gelu(twin(x)).sum().backward()
    torch.testing.assert_close(layer.weight.grad, twin.weight.grad)


def test_a_weight_changed_in_place_is_packed_anew():
    layer, x = _layer(), torch.randn(4, 96)
    with torch.no_grad():
        before = layer(x)
        layer.weight.mul_(2.0)
        torch.testing.assert_close(layer(x) - layer.bias, 2 * (before - layer.bias))


def test_loaded_weights_take_the_place_of_packed_ones():
    layer, x = _layer(), torch.randn(4, 96)
    other = Linear(96, 256)
    with torch.no_grad():
        layer(x)
        layer.load_state_dict(other.state_dict())
        torch.testing.assert_close(layer(x), other(x))


def test_a_layer_in_double_precision_stays_exact():
    layer, x = _layer().double(), torch.randn(3, 96, dtype=torch.float64)
    with torch.no_grad():
        expected = x @ layer.weight.T + layer.bias
        torch.testing.assert_close(layer(x), expected, rtol=1e-13, atol=1e-13)


def test_copies_and_pickles_hold_the_weights_alone():
    layer, x = _layer(), torch.randn(4, 96)
    with torch.no_grad():
        expected = layer(x)
        for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert "_product" not in twin.__dict__
            assert torch.equal(twin(x), expected)
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_small_weights_stay_as_they_are():
    assert not PackedWeight.suits(torch.zeros(16, 16))


@pytest.mark.skipif(not PackedWeight.suits(torch.zeros(256, 96)), reason="nothing is packed here")
@pytest.mark.parametrize(("num_rows", "is_packed"), [(1, False), (2, False), (3, True), (8, True)])
def test_few_rows_need_no_second_copy_of_the_weight(num_rows: int, is_packed: bool):
    layer = _layer()
    with torch.no_grad():
        layer(torch.randn(num_rows, 1, 96))
    assert (layer.product()._packed is not None) == is_packed
