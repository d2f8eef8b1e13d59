import math

import pytest
import torch
from torch.nn.functional import gelu, layer_norm, linear, silu, softmax

from vidcache import CameraHead, SlidingWindow
from vidcache.errors import ConfigError, InputError
from vidcache.head.vggt import config_from_vggt

WIDTH, DEPTH, HEADS, FRAMES = 32, 3, 4, 9


def published_weights():
    """Random weights under the published names and in the published shapes, at width 32."""
    torch.manual_seed(0)
    shapes = {
        "token_norm": (WIDTH,),
        "trunk_norm": (WIDTH,),
        "embed_pose": (WIDTH, 9),
        "poseLN_modulation.1": (3 * WIDTH, WIDTH),
        "pose_branch.fc1": (WIDTH // 2, WIDTH),
        "pose_branch.fc2": (9, WIDTH // 2),
    }
    for layer in range(DEPTH):
        block = f"trunk.{layer}"
        shapes |= {
            f"{block}.norm1": (WIDTH,),
            f"{block}.attn.qkv": (3 * WIDTH, WIDTH),
            f"{block}.attn.proj": (WIDTH, WIDTH),
            f"{block}.norm2": (WIDTH,),
            f"{block}.mlp.fc1": (4 * WIDTH, WIDTH),
            f"{block}.mlp.fc2": (WIDTH, 4 * WIDTH),
        }
    weights = {"empty_pose_tokens": torch.randn(1, 1, 9)}
    for name, shape in shapes.items():
        weights[f"{name}.weight"] = torch.randn(shape) * 0.3
        weights[f"{name}.bias"] = torch.randn(shape[0]) * 0.3
    for layer in range(DEPTH):
        weights[f"trunk.{layer}.ls1.gamma"] = torch.randn(WIDTH)
        weights[f"trunk.{layer}.ls2.gamma"] = torch.randn(WIDTH)
    return {name: weight.double() for name, weight in weights.items()}


def published_head(weights, tokens, num_iterations):
    """The published computation on (T, C) camera tokens, with a causal mask in its trunk."""

    def layer(name, x):
        return linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(name, x):
        return layer_norm(x, (WIDTH,), weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-5)

    causal = torch.ones(FRAMES, FRAMES, dtype=torch.bool).tril()
    tokens = norm("token_norm", tokens)
    pose = None
    poses = []
    for _ in range(num_iterations):
        shown = weights["empty_pose_tokens"][0].expand(FRAMES, -1) if pose is None else pose
        modulation = layer("poseLN_modulation.1", silu(layer("embed_pose", shown)))
        shift, scale, gate = modulation.chunk(3, -1)
        x = gate * (layer_norm(tokens, (WIDTH,), eps=1e-6) * (1 + scale) + shift) + tokens
        for number in range(DEPTH):
            block = f"trunk.{number}"
            qkv = layer(f"{block}.attn.qkv", norm(f"{block}.norm1", x))
            q, k, v = qkv.view(FRAMES, 3, HEADS, -1).permute(1, 2, 0, 3)
            scores = (q @ k.mT / math.sqrt(WIDTH // HEADS)).masked_fill(~causal, -math.inf)
            out = (softmax(scores, -1) @ v).transpose(0, 1).reshape(FRAMES, WIDTH)
            x = x + weights[f"{block}.ls1.gamma"] * layer(f"{block}.attn.proj", out)
            hidden = gelu(layer(f"{block}.mlp.fc1", norm(f"{block}.norm2", x)))
            x = x + weights[f"{block}.ls2.gamma"] * layer(f"{block}.mlp.fc2", hidden)
        hidden = gelu(layer("pose_branch.fc1", norm("trunk_norm", x)))
        delta = layer("pose_branch.fc2", hidden)
        pose = delta if pose is None else pose + delta
        poses.append(pose)
    return torch.stack(poses)


@pytest.mark.parametrize("prefix", ["", "camera_head."])
def test_published_weights_compute_the_published_head_causally(prefix):
    weights = published_weights()
    tokens = torch.randn(FRAMES, WIDTH, dtype=torch.float64)
    state_dict = {prefix + name: weight for name, weight in weights.items()}
    if prefix:
        state_dict["aggregator.patch_embed.weight"] = torch.zeros(1)
    head = CameraHead.from_vggt(state_dict, num_heads=HEADS, eviction=SlidingWindow(FRAMES))
    expected = published_head(weights, tokens, num_iterations=4)
    result = torch.stack(head(tokens[None]).iterations)[:, 0]
    torch.testing.assert_close(result, expected, rtol=1e-10, atol=1e-10)

    state = head.init_state()
    steps = [head.step(tokens[None, t : t + 1], state).prediction for t in range(FRAMES)]
    torch.testing.assert_close(torch.cat(steps, 1)[0], expected[-1], rtol=1e-10, atol=1e-10)


def test_the_published_sizes_give_256_kib_a_frame():
    sizes = {"trunk_norm.weight": 2048, "empty_prediction": 9}
    sizes |= {f"trunk.{layer}.mlp.fc1.bias": 4 * 2048 for layer in range(4)}
    weights = {name: torch.empty(size, device="meta") for name, size in sizes.items()}
    config = config_from_vggt(weights, num_heads=16, num_iterations=4, settings={})
    assert config.predict_nbytes() == 256 * 1024 * config.cache_layout.num_slots


def test_a_missing_weight_is_named():
    weights = published_weights()
    del weights["trunk.1.attn.qkv.bias"]
    with pytest.raises(InputError, match=r"trunk\.1\.attn\.qkv\.bias"):
        CameraHead.from_vggt(weights, num_heads=HEADS)


def test_other_weights_are_refused():
    with pytest.raises(InputError, match="no VGGT camera-head weights"):
        CameraHead.from_vggt({"fc.weight": torch.zeros(3, 3)})


def test_settings_that_follow_from_the_weights_are_refused():
    with pytest.raises(ConfigError, match="width follows from the weights"):
        CameraHead.from_vggt(published_weights(), num_heads=HEADS, width=64)
