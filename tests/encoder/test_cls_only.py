"""The last block for the CLS token alone gives what the whole block gives in its first place."""

import copy

import pytest
import timm
import torch

from vidcache import FrameEncoder
from vidcache.encoder.cls_only import forward_cls, has_cls_only, last_block_cls


def make(name="vit_tiny_patch16_224", **arguments):
    torch.manual_seed(0)
    arguments = {"num_classes": 0, "img_size": 64, **arguments}
    vit = timm.create_model(name, pretrained=False, **arguments).eval()
    for block in vit.blocks:
        # Biases are zero in a fresh network, and would hide one that is left out.
        for layer in (block.attn.qkv, block.attn.proj):
            if layer.bias is not None:
                torch.nn.init.normal_(layer.bias, std=0.5)
    return vit


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("vit_tiny_patch16_224", {}),
        ("vit_tiny_patch16_224", {"qkv_bias": False}),
        ("vit_small_patch14_dinov2", {"img_size": 56}),
        ("vit_small_patch14_reg4_dinov2", {"img_size": 56}),
    ],
)
def test_it_is_the_first_token_of_the_whole_network(name, arguments):
    vit = make(name, **arguments)
    assert has_cls_only(vit)
    pixels = torch.rand(3, 3, *vit.patch_embed.img_size)
    with torch.inference_mode():
        expected = vit.forward_features(pixels)[:, :1]
        torch.testing.assert_close(forward_cls(vit, pixels), expected, rtol=1e-4, atol=1e-5)


def test_it_has_the_gradients_of_the_whole_block():
    vit = make()
    block, twin = vit.blocks[-1], copy.deepcopy(vit.blocks[-1])
    tokens = torch.randn(2, 17, 192)
    block(tokens)[:, 0].sum().backward()
    last_block_cls(twin, tokens[:, :1], twin.norm1(tokens)).sum().backward()
    for (name, one), other in zip(block.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize(
    "name",
    ["test_vit2", "test_vit3", "vit_base_patch16_siglip_224", "vit_base_patch16_rope_224"],
)
def test_networks_that_read_their_patches_are_left_alone(name):
    vit = timm.create_model(name, pretrained=False, num_classes=0)
    assert not has_cls_only(vit)


def test_keys_with_a_norm_are_left_alone():
    assert not has_cls_only(make(qk_norm=True))


def test_an_encoder_that_needs_regions_computes_all_tokens():
    arguments = {"image_size": 64, "precision": "fp32"}
    assert FrameEncoder("vit_tiny_patch16_224", None, **arguments).reads_cls_only
    assert not FrameEncoder("vit_tiny_patch16_224", None, num_tokens=5, **arguments).reads_cls_only
