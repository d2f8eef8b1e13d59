"""Equal networks have one name, in every process; what bears on the result changes it."""

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

from vidcache.runtime.network_key import network_key


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(4, 4)
        self.register_buffer("scale", torch.ones(4), persistent=False)
        self.shift = torch.zeros(4)
        self.sizes = {"heads": [1, 2]}
        self.norm = nn.LayerNorm(4, eps=1e-6)
        self.activation = torch.relu_

    def forward(self, x):
        return self.activation(self.norm(self.linear(x)) * self.scale + self.shift)

    def forward_other(self, x):
        return self.linear(x)


def other_forward(x):
    return x


def test_equal_networks_have_one_name():
    class_key = network_key(Plain())
    assert class_key is not None
    assert class_key == network_key(Plain()) == network_key(copy.deepcopy(Plain()))


class Plain(Layer):
    def __init__(self):
        super().__init__()
        self.activation = None


CHANGES = {
    "a weight": lambda m: m.linear.weight.data[0].add_(1e-6),
    "a buffer": lambda m: m.scale.add_(1),
    "a tensor that is neither": lambda m: m.shift.add_(1),
    "a setting": lambda m: m.sizes["heads"].append(3),
    "an epsilon": lambda m: setattr(m.norm, "eps", 1e-5),
    "a number's type": lambda m: setattr(m.norm, "eps", torch.float32),
    "its mode": lambda m: m.norm.eval(),
    "a layer": lambda m: setattr(m, "norm", nn.RMSNorm(4, eps=1e-6)),
    "another method as forward": lambda m: setattr(m, "forward", m.forward_other),
    "a function as forward": lambda m: setattr(m, "forward", other_forward),
    "a number format": lambda m: m.half(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_bears_on_the_result_is_in_the_name(change):
    network = Plain()
    change(network)
    assert network_key(network) not in (None, network_key(Plain()))


HIDDEN = {
    "a hook": lambda m: m.linear.register_forward_hook(lambda *_: None),
    "a lambda": lambda m: setattr(m, "activation", lambda x: x),
    "a method of another layer": lambda m: setattr(m, "forward", Plain().forward_other),
    "an object": lambda m: setattr(m, "activation", object()),
    "itself in a list": lambda m: setattr(m, "all", [m]),
}


@pytest.mark.parametrize("change", HIDDEN.values(), ids=HIDDEN)
def test_what_cannot_be_named_leaves_no_name(change):
    network = Plain()
    change(network)
    assert network_key(network) is None


def test_a_patched_class_is_another_network(monkeypatch):
    expected = network_key(Plain())
    monkeypatch.setattr(Layer, "forward", lambda self, x: x)
    assert network_key(Plain()) is None
    monkeypatch.setattr(Layer, "forward", Layer.forward_other)
    assert network_key(Plain()) not in (None, expected)


SCRIPT = """
import timm, torch
from vidcache.runtime.network_key import network_key
torch.manual_seed(0)
for name in ("test_vit", "test_vit4"):
    print(network_key(timm.create_model(name, pretrained=False, num_classes=0).eval()))
"""
OF_A_FILE = """
from some_layer import Some
from vidcache.runtime.network_key import network_key
print(network_key(Some()))
"""
FILE = """
from torch import nn
class Some(nn.Module):
    def forward(self, x): return {} * x
"""


def said(script, folder):
    command = [sys.executable, "-c", script]
    process = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    return process.stdout.split()


def test_another_process_says_the_same(tmp_path):
    first, second = (said(SCRIPT, tmp_path) for _ in range(2))
    assert first == second
    assert len(set(first)) == 2
    assert "None" not in first


def test_a_class_whose_source_changed_is_another_network(tmp_path):
    keys = []
    for factor in (2, 2, 33):
        (tmp_path / "some_layer.py").write_text(FILE.format(factor))
        keys += said(OF_A_FILE, tmp_path)
    assert keys[0] == keys[1] != keys[2]
    assert "None" not in keys
