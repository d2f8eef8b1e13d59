"""Weights of a DINOv2 that the library transformers has named, under the names of timm."""

import re
from collections.abc import Mapping

import torch

__all__ = ["looks_like_transformers", "rename_from_transformers"]

_BACKBONE = "embeddings.patch_embeddings.projection.weight"

# By the part of the name behind the block: ours, and whether it is a matrix that stands as it is
# multiplied with (an export turns weights over).
_IN_BLOCK = {
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
    "attention.output.dense": "attn.proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
    "norm1": "norm1",
    "norm2": "norm2",
}
_OUTSIDE = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
    "embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
    "layernorm.weight": "norm.weight",
    "layernorm.bias": "norm.bias",
}
_PARTS = ("query", "key", "value")
_MATRIX = ".MatMul"


def looks_like_transformers(names: Mapping[str, object]) -> bool:
    """Whether weights are named as transformers names those of a DINOv2, or an export of it."""
    return any(name.endswith(_BACKBONE) for name in names)


def rename_from_transformers(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Gives the weights of the ViT the names that timm has for them; others are left out.

    Args:
        weights: By the names of transformers, as saved or as read from an ONNX export.

    Returns:
        The ViT's weights. Where some are missing, so are they here.
    """
    prefix = next(name for name in weights if name.endswith(_BACKBONE)).removesuffix(_BACKBONE)
    own = {
        name.removeprefix(prefix): tensor
        for name, tensor in weights.items()
        if name.startswith(prefix)
    }
    own = {
        name.replace(_MATRIX, ".weight"): tensor.T.contiguous()
        if name.endswith(_MATRIX)
        else tensor
        for name, tensor in own.items()
    }
    named = {ours: own[theirs] for theirs, ours in _OUTSIDE.items() if theirs in own}
    # An export has split the position embedding: one part is concatenated, one resized.
    parts = [own.get(f"embeddings.{name}") for name in ("Concat_6", "Reshape_1")]
    if "pos_embed" not in named and parts[0] is not None and parts[1] is not None:
        named["pos_embed"] = torch.cat([parts[0], parts[1]], dim=1)
    blocks = {
        int(found[1]) for name in own if (found := re.match(r"encoder\.layer\.(\d+)\.", name))
    }
    for block in blocks:
        named |= _block(own, f"encoder.layer.{block}.", f"blocks.{block}.")
    return named


def _block(own: Mapping[str, torch.Tensor], theirs: str, ours: str) -> dict[str, torch.Tensor]:
    named: dict[str, torch.Tensor] = {}
    for kind in (".weight", ".bias"):
        parts = [own.get(f"{theirs}attention.attention.{part}{kind}") for part in _PARTS]
        there = [part for part in parts if part is not None]
        if len(there) == len(_PARTS):
            named[f"{ours}attn.qkv{kind}"] = torch.cat(there)
    for name, tensor in own.items():
        part = name.removeprefix(theirs)
        stem, dot, kind = part.rpartition(".")
        if not name.startswith(theirs):
            continue
        if part in _IN_BLOCK:
            named[ours + _IN_BLOCK[part]] = tensor
        elif stem in _IN_BLOCK:
            named[ours + _IN_BLOCK[stem] + dot + kind] = tensor
    return named
