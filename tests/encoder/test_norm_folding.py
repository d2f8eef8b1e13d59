import copy

import pytest
import timm
import torch
from torch import nn

from vidcache import FrameEncoder
from vidcache.encoder.norm_folding import fold_norms


def make_vit(name: str = "test_vit", **settings) -> nn.Module:
    """A ViT whose norms scale and shift, as those of trained ones do."""
    torch.manual_seed(0)
    vit = timm.create_model(name, pretrained=False, num_classes=0, **settings).eval()
    with torch.no_grad():
        for module in vit.modules():
            if isinstance(module, nn.LayerNorm):
                module.weight.uniform_(0.2, 3.0)
                module.bias.normal_(std=2.0)
    return vit.requires_grad_(False)


def features(vit: nn.Module) -> torch.Tensor:
    pixels = torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    return vit.forward_features(pixels)


@pytest.mark.parametrize("settings", [{}, {"qkv_bias": False}, {"init_values": 0.1}])
def test_the_network_stays_the_same(settings):
    vit = make_vit(**settings)
    expected = features(vit)
    fold_norms(vit)
    assert all(block.norm1.weight is None and block.norm2.bias is None for block in vit.blocks)
    torch.testing.assert_close(features(vit), expected, rtol=1e-4, atol=1e-4)


def test_a_large_shift_is_not_rounded():
    plain = make_vit().blocks[0]
    folded = copy.deepcopy(make_vit())
    fold_norms(folded)
    x = torch.randn(1, 50, plain.norm1.normalized_shape[0])
    expected = plain.attn.qkv(plain.norm1(x))
    errors = []
    for block in (plain, folded.blocks[0]):
        rounded = block.to(torch.bfloat16)
        said = rounded.attn.qkv(rounded.norm1(x.bfloat16())).float()
        errors.append((said - expected).norm())
    assert errors[1] < 0.8 * errors[0]


def test_other_blocks_are_left_alone():
    vit = timm.create_model("test_vit", pretrained=False, block_fn=_OwnBlock)
    fold_norms(vit)
    assert all(block.norm1.weight is not None for block in vit.blocks)


def test_an_encoder_keeps_its_norms():
    encoder = FrameEncoder("test_vit", None, image_size=(160, 160), precision="bf16").eval()
    before = copy.deepcopy(encoder.state_dict())
    encoder([torch.zeros(160, 160, 3, dtype=torch.uint8).numpy()])
    after = encoder.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


class _OwnBlock(timm.models.vision_transformer.Block):
    pass
