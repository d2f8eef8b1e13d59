import copy

import torch
from torch import nn

from vidcache.encoder.compute_copy import ComputeCopy


def test_float32_is_the_module_itself() -> None:
    module = nn.Linear(3, 3)
    assert ComputeCopy(module).get(torch.float32) is module


def test_the_copy_is_kept_while_the_weights_stand() -> None:
    compute = ComputeCopy(nn.Linear(3, 3))
    assert compute.get(torch.bfloat16) is compute.get(torch.bfloat16)


def test_the_copy_follows_an_optimisers_step() -> None:
    module = nn.Linear(3, 3)
    compute = ComputeCopy(module)
    before = compute.get(torch.bfloat16).weight.clone()
    optimiser = torch.optim.SGD(module.parameters(), lr=1.0)
    module(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    after = compute.get(torch.bfloat16).weight
    assert not torch.equal(before, after)
    assert torch.equal(after, module.weight.bfloat16())


def test_the_copy_follows_the_mode() -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.Dropout())
    compute = ComputeCopy(module)
    assert compute.get(torch.bfloat16).training
    module.eval()
    assert not compute.get(torch.bfloat16).training


def test_the_original_keeps_its_format_and_gradients() -> None:
    module = nn.Linear(3, 3)
    cast = ComputeCopy(module).get(torch.bfloat16)
    assert module.weight.dtype == torch.float32
    assert module.weight.requires_grad
    assert not any(parameter.requires_grad for parameter in cast.parameters())


def test_a_copied_owner_has_a_copy_of_its_own() -> None:
    module = nn.Linear(3, 3)
    owner = [module, ComputeCopy(module)]
    owner[1].get(torch.bfloat16)
    twin_module, twin_compute = copy.deepcopy(owner)
    with torch.no_grad():
        twin_module.weight.zero_()
    assert torch.equal(twin_compute.get(torch.bfloat16).weight, twin_module.weight.bfloat16())
    assert torch.equal(owner[1].get(torch.bfloat16).weight, module.weight.bfloat16())
