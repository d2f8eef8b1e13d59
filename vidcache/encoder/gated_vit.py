# pyright: basic
"""The blocks of a ViT, of which every layer computes only the tokens that changed before it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from vidcache.encoder.frame_encoder import FrameEncoder
from vidcache.encoder.gated_layer import GatedLayer, compute_changes
from vidcache.errors import ConfigError

__all__ = ["BlockMemory", "GatedViT", "Picture", "num_products"]

# So many pictures go through a block together: more find no room in a processor's cache.
_AT_ONCE = 8


@dataclass(eq=False)
class BlockMemory:
    """What the three gated parts of a block hold for one stream."""

    qkv: GatedLayer = field(default_factory=GatedLayer)
    projection: GatedLayer = field(default_factory=GatedLayer)
    mlp: GatedLayer = field(default_factory=GatedLayer)


@dataclass(eq=False)
class Picture:
    """A picture on its way through the blocks.

    Attributes:
        tokens: Its embedded patches and prefix tokens, (N, C).
        blocks: What the blocks remember of its stream; changed.
        due: (N,), true for the tokens that are computed in any case; None for all of them.
        num_products: Multiplications done for it, counted on the way.
    """

    tokens: Tensor
    blocks: Sequence[BlockMemory]
    due: Tensor | None
    num_products: int = 0


class GatedViT:
    """Runs pictures of streams through a ViT, computing what changed.

    The residual stream and the attention are computed for all tokens, so that each sees what
    changed elsewhere. The three parts that make up the rest, queries with keys and values, the
    projection behind the attention, and the MLP, are gated each by itself.

    Args:
        encoder: The encoder; its ViT must have timm's plain blocks.
        gate: Relative change of a part's input from which a token is computed again.

    Raises:
        ConfigError: The ViT has blocks of another kind.

    Source:
        Dutson et al., "Eventful Transformers: Leveraging Temporal Redundancy in Vision
        Transformers", 2023.
    """

    def __init__(self, encoder: FrameEncoder, gate: float) -> None:
        _check_blocks(encoder)
        self._encoder = encoder
        self._gate = gate

    @property
    def num_prefix_tokens(self) -> int:
        """CLS and registers, in front of the patches."""
        return self._encoder.vit.num_prefix_tokens

    def init_blocks(self) -> list[BlockMemory]:
        """Memories of all blocks, for a stream."""
        return [BlockMemory() for _ in self._encoder.vit.blocks]

    def embed(self, pixels: Tensor) -> Tensor:
        """Embeds pictures, (F, 3, height, width), as tokens, (F, N, C)."""
        vit: Any = self._encoder.compute_vit()
        pixels = pixels.to(next(vit.parameters()).dtype)
        return vit.norm_pre(vit._pos_embed(vit.patch_embed(pixels)))

    def forward(self, pictures: Sequence[Picture]) -> list[Tensor]:
        """Takes pictures through all blocks.

        Args:
            pictures: Those of a stream in order.

        Returns:
            For each what the ViT says of all its tokens, (N, C), or of the prefix tokens alone
            where the encoder reads no others.
        """
        found: list[Tensor] = []
        for at in range(0, len(pictures), _AT_ONCE):
            found += self._walk(pictures[at : at + _AT_ONCE])
        return found

    def _walk(self, pictures: Sequence[Picture]) -> Tensor:
        vit: Any = self._encoder.compute_vit()
        tokens = torch.stack([picture.tokens for picture in pictures])
        for picture in pictures:
            picture.num_products += _embedding_products(vit)
        for number, block in enumerate(vit.blocks):
            is_last = number == len(vit.blocks) - 1
            memories = [picture.blocks[number] for picture in pictures]
            if is_last and not self._encoder.reads_patches:
                tokens = self._read_out(block, pictures, memories, tokens)
            else:
                tokens = self._pass(block, pictures, memories, tokens)
        return vit.norm(tokens)

    def _pass(
        self,
        block: Any,
        pictures: Sequence[Picture],
        memories: Sequence[BlockMemory],
        tokens: Tensor,
    ) -> Tensor:
        """A block's tokens, (F, N, C); those that came in are overwritten."""
        attended = self._attend(block, pictures, memories, tokens, tokens.shape[1])
        layers = [memory.projection for memory in memories]
        outputs = self._compute((block.attn.proj, block.ls1), pictures, layers, attended)
        for residual, add in zip(tokens, outputs, strict=True):
            residual += add
        layers = [memory.mlp for memory in memories]
        outputs = self._compute((block.mlp, block.ls2), pictures, layers, block.norm2(tokens))
        for residual, add in zip(tokens, outputs, strict=True):
            residual += add
        return tokens

    def _read_out(
        self,
        block: Any,
        pictures: Sequence[Picture],
        memories: Sequence[BlockMemory],
        tokens: Tensor,
    ) -> Tensor:
        """The prefix tokens behind the last block, which nothing else of it bears on."""
        num_prefix: int = self._encoder.vit.num_prefix_tokens
        attended = self._attend(block, pictures, memories, tokens, num_prefix)
        tokens = tokens[:, :num_prefix] + block.ls1(block.attn.proj(attended))
        for picture in pictures:
            picture.num_products += num_prefix * (_weights(block.attn.proj) + _weights(block.mlp))
        return tokens + block.ls2(block.mlp(block.norm2(tokens)))

    def _attend(
        self,
        block: Any,
        pictures: Sequence[Picture],
        memories: Sequence[BlockMemory],
        tokens: Tensor,
        num_queries: int,
    ) -> Tensor:
        """What the first tokens gather from all of their picture, (F, num_queries, A)."""
        layers = [memory.qkv for memory in memories]
        outputs = self._compute((block.attn.qkv,), pictures, layers, block.norm1(tokens))
        for picture in pictures:
            picture.num_products += _attention_products(block, num_queries, tokens.shape[1])
        width = block.attn.qkv.out_features // 3
        attended = tokens.new_empty(len(tokens), num_queries, width)
        for qkv, rows in zip(outputs, attended, strict=True):
            _attend_picture(block.attn, qkv, rows)
        return block.attn.norm(attended)

    def _compute(
        self,
        layers: Sequence[nn.Module],
        pictures: Sequence[Picture],
        memories: Sequence[GatedLayer],
        inputs: Tensor,
    ) -> Iterator[Tensor]:
        """The answers of layers, one behind the other, for each picture, (N, D)."""

        def run(tokens: Tensor) -> Tensor:
            for layer in layers:
                tokens = layer(tokens)
            return tokens

        dues = [picture.due for picture in pictures]
        answers = compute_changes(run, memories, inputs, dues, self._gate)
        num_weights = sum(_weights(layer) for layer in layers)
        for picture, (num_computed, outputs) in zip(pictures, answers, strict=True):
            picture.num_products += num_computed * num_weights
            yield outputs


def num_products(encoder: FrameEncoder) -> int:
    """Multiplications that a ViT does for a whole picture, its patches' embedding among them."""
    vit: Any = encoder.vit
    rows, columns = vit.patch_embed.grid_size
    num_tokens = rows * columns + vit.num_prefix_tokens
    between = sum(_attention_products(block, num_tokens, num_tokens) for block in vit.blocks)
    return _embedding_products(vit) + num_tokens * _weights(vit.blocks) + between


def _attend_picture(attention: Any, qkv: Tensor, rows: Tensor) -> None:
    """Writes what a picture's first tokens gather, (Q, A), from queries, keys and values."""
    heads = qkv.unflatten(-1, (3, attention.num_heads, -1)).permute(1, 2, 0, 3).contiguous()
    query = attention.q_norm(heads[0, :, : len(rows)])
    key, value = attention.k_norm(heads[1]), heads[2]
    if qkv.dtype == torch.bfloat16 and qkv.device.type == "cpu":
        # Fused attention took 1.8 times as long in this format, at 257 tokens.
        weights = torch.bmm(query * attention.scale, key.transpose(1, 2)).softmax(dim=-1)
        out = torch.bmm(weights, value)
    else:
        out = scaled_dot_product_attention(query[None], key[None], value[None])[0]
    rows.unflatten(-1, (attention.num_heads, -1)).copy_(out.transpose(0, 1))


def _attention_products(block: Any, num_queries: int, num_tokens: int) -> int:
    return 2 * num_queries * num_tokens * block.attn.qkv.out_features // 3


def _embedding_products(vit: Any) -> int:
    rows, columns = vit.patch_embed.grid_size
    kernel = vit.patch_embed.proj
    return rows * columns * kernel.weight.numel() if isinstance(kernel, nn.Conv2d) else 0


def _weights(layer: Any) -> int:
    """Multiplications for one token."""
    return sum(part.weight.numel() for part in layer.modules() if isinstance(part, nn.Linear))


def _check_blocks(encoder: FrameEncoder) -> None:
    from timm.layers.attention import Attention
    from timm.models.vision_transformer import Block

    for block in encoder.vit.blocks:
        plain = type(block) is Block and type(block.attn) is Attention
        if not plain or getattr(block.attn, "gate", None) is not None:
            kind = f"{type(block).__name__} with {type(getattr(block, 'attn', None)).__name__}"
            raise ConfigError(
                f"tokens of {encoder.name} cannot be reused: its blocks are {kind}, expected "
                "timm's plain Block with Attention; leave encoder.reuse out"
            )
