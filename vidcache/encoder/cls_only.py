# pyright: basic
"""The CLS token alone: the last block of a ViT without what nobody reads of it."""

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import linear

__all__ = ["embed", "forward_cls", "has_cls_only", "is_plain_block", "last_block_cls"]


def has_cls_only(vit: nn.Module) -> bool:
    """Whether a ViT's summary is its CLS token, and its last block one that we can take apart."""
    from timm.models.vision_transformer import VisionTransformer

    if type(vit) is not VisionTransformer or len(vit.blocks) < 2:
        return False
    block: Any = vit.blocks[-1]
    return (
        (vit.global_pool, vit.attn_pool) == ("token", None)
        and vit.cls_token is not None
        and is_plain_block(block)
        and isinstance(block.attn.k_norm, nn.Identity)
    )


def is_plain_block(block: Any) -> bool:
    """Whether this is timm's plain block with plain attention, whose parts we may call."""
    from timm.layers.attention import Attention
    from timm.models.vision_transformer import Block

    plain = type(block) is Block and type(block.attn) is Attention
    return plain and getattr(block.attn, "gate", None) is None


def embed(vit: Any, pixels: Tensor) -> Tensor:
    """The tokens, (B, N, C), that go into the first block for pixels, (B, 3, height, width)."""
    return vit.norm_pre(vit.patch_drop(vit._pos_embed(vit.patch_embed(pixels))))


def forward_cls(vit: Any, pixels: Tensor) -> Tensor:
    """Computes what ``forward_features`` has in its first place, for a twelfth less of a ViT-S.

    Args:
        vit: A ViT of which :func:`has_cls_only` holds.
        pixels: Prepared pixels, (B, 3, height, width).

    Returns:
        The CLS tokens, (B, 1, C).

    Example:
        >>> import timm, torch
        >>> vit = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=64).eval()
        >>> pixels = torch.rand(2, 3, 64, 64)
        >>> expected = vit.forward_features(pixels)[:, :1]
        >>> torch.allclose(forward_cls(vit, pixels), expected, atol=1e-4)
        True
    """
    tokens = embed(vit, pixels)
    for block in vit.blocks[:-1]:
        tokens = block(tokens)
    last = vit.blocks[-1]
    return vit.norm(last_block_cls(last, tokens[:, :1], last.norm1(tokens)))


def last_block_cls(block: Any, cls: Tensor, normed: Tensor) -> Tensor:
    """Computes a block for the CLS token, which attends to all tokens.

    With a single query, the keys' matrix is multiplied by it in place of by each token, and the
    values' by each head's mean of the tokens: what was a product for each token is one a head.
    The keys' bias adds the same to all scores, which a softmax does not see.

    Args:
        block: timm's plain block.
        cls: The CLS tokens that go into it, (B, 1, C).
        normed: All tokens behind its first norm, (B, N, C), the CLS token first.

    Returns:
        The CLS tokens that come out of it, (B, 1, C).
    """
    attention = block.attn
    heads, size = attention.num_heads, attention.head_dim
    to_query, to_keys, to_values = attention.qkv.weight.unflatten(0, (3, heads, size)).unbind()
    bias = attention.qkv.bias
    bias = (None, None) if bias is None else bias.unflatten(0, (3, heads * size))[::2].unbind()

    query = linear(normed[:, :1], to_query.flatten(0, 1), bias[0])
    query = attention.q_norm(query.unflatten(-1, (heads, size)))  # (B, 1, heads, size)
    query = query.transpose(1, 2) * size**-0.5 @ to_keys  # (B, heads, 1, C)
    weights = (query.squeeze(2) @ normed.transpose(1, 2)).softmax(dim=-1)
    mixed = (weights @ normed).unsqueeze(2) @ to_values.transpose(1, 2)  # (B, heads, 1, size)
    mixed = mixed.transpose(1, 2).flatten(2)
    if bias[1] is not None:
        mixed = mixed + bias[1]
    attended = attention.proj_drop(attention.proj(attention.norm(mixed)))
    cls = cls + block.drop_path1(block.ls1(attended))
    return cls + block.drop_path2(block.ls2(block.mlp(block.norm2(cls))))
