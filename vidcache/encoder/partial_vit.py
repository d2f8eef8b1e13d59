# pyright: basic
"""A ViT that computes some tokens of a picture; the others go along with those like them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize, pad, scaled_dot_product_attention

from vidcache.encoder.cls_only import embed, is_plain_block, last_block_cls
from vidcache.encoder.frame_encoder import FrameEncoder
from vidcache.encoder.reuse_state import ReuseState, Watch
from vidcache.errors import ConfigError

__all__ = ["PartialViT", "Picture", "num_block_tokens"]

# Of 16 patches, how many are watched for what the CLS token attends to, and how many for being
# evenly spread.
_MOST_ATTENDED, _SPREAD = 2, 1

# A product in bf16 is compiled for its number of rows, which takes longer than computing it. So
# these are rounded up, to few numbers: of all tokens, and of a picture's queries.
_ROWS, _QUERIES = 16, 8

# How much more a watched token says of tokens like it than of others: a softmax's temperature.
_TEMPERATURE = 0.2


@dataclass(eq=False)
class Picture:
    """A picture on its way through the blocks.

    Attributes:
        state: What is remembered of its stream; changed.
        tokens: Its embedded tokens, those that are computed from the first block on, (R, C).
        places: Where these are in the picture, (R,), ascending; in the later blocks, theirs.
        late_places: The tokens that the later blocks compute: the same, and the watched ones.
        steady: Those of the watched tokens, (S,), by which others are moved on; None for none.
        spread: How much each token takes of each of them, (N, S).
        is_whole: Whether all tokens are computed, and nothing before this picture counts.
        is_looked_at: Whether the tokens to watch next are chosen by it.
        watched: These tokens, once they are.
        features: What the ViT says of it in the end.
    """

    state: ReuseState
    tokens: Tensor
    places: Tensor
    late_places: Tensor
    steady: Tensor | None = None
    spread: Tensor | None = None
    is_whole: bool = False
    is_looked_at: bool = False
    watched: Tensor | None = None
    features: Tensor = field(default_factory=lambda: torch.empty(0))


class PartialViT:
    """Runs chosen tokens of pictures through a ViT; they attend to all tokens.

    What changes somewhere hardly reaches the other tokens in the first half of the blocks, and
    all of them in the last ones. So the second half also computes watched tokens: a few that the
    CLS token attends to most, and a few evenly spread. They come in as they were when they were
    last computed from the first block on. What they changed since the last picture is added to
    what is held of tokens that were not computed, to each from the watched ones that are like it.

    Args:
        encoder: The encoder; its ViT must have timm's plain blocks.

    Raises:
        ConfigError: The ViT has blocks of another kind.
    """

    def __init__(self, encoder: FrameEncoder) -> None:
        _check_blocks(encoder)
        self._encoder = encoder
        vit: Any = encoder.vit
        self._look_block = max(0, len(vit.blocks) - 2)
        self._watch_block = min(len(vit.blocks) // 2, self._look_block)
        self.num_prefix_tokens: int = vit.num_prefix_tokens
        rows, columns = vit.patch_embed.grid_size
        self.num_patches: int = rows * columns

    def embed(self, pixels: Tensor) -> Tensor:
        """Embeds pictures, (F, 3, height, width), as tokens, (F, N, C)."""
        vit: Any = self._encoder.compute_vit()
        # Channels last, the patches come out as they are laid out as tokens.
        pixels = pixels.to(next(vit.parameters()).dtype, memory_format=torch.channels_last)
        return embed(vit, pixels)

    def forward(self, pictures: Sequence[Picture]) -> None:
        """Takes pictures through all blocks; each gets its features.

        Args:
            pictures: Those of a stream in order; one that is whole is the only one of its stream.
        """
        vit: Any = self._encoder.compute_vit()
        cls_only = self._encoder.reads_cls_only
        blocks = vit.blocks[:-1] if cls_only else vit.blocks
        tokens = _join([picture.tokens for picture in pictures])
        for picture in pictures:
            self._count(picture, len(blocks))
        for number, block in enumerate(blocks):
            if number == self._watch_block:
                tokens = _join(_let_in(pictures, tokens))
            tokens = tokens + block.ls1(self._attend(block, number, pictures, tokens))
            tokens = tokens + block.ls2(block.mlp(block.norm2(tokens)))
        if cls_only:
            last = vit.blocks[-1]
            held = torch.stack(_hold_last(pictures, last.norm1(tokens)))
            cls = torch.stack([tokens[part][:1] for _, part in _parts(pictures)])
            features = vit.norm(last_block_cls(last, cls, held))
        else:
            features = _hold_last(pictures, vit.norm(tokens))
        for picture, found in zip(pictures, features, strict=True):
            picture.features = found

    def _attend(
        self, block: Any, number: int, pictures: Sequence[Picture], tokens: Tensor
    ) -> Tensor:
        """What tokens take from all tokens of their pictures, (R, C)."""
        attention = block.attn
        heads = attention.num_heads
        joint = attention.qkv(block.norm1(tokens)).unflatten(-1, (3, heads, -1))
        queries, keys = attention.q_norm(joint[:, 0]), joint[:, 1]
        if isinstance(attention.k_norm, torch.nn.Identity):
            keys_values = joint[:, 1:].flatten(1)
        else:
            keys_values = torch.stack([attention.k_norm(keys), joint[:, 2]], dim=1).flatten(1)
        attended: list[Tensor] = []
        for picture, part in _parts(pictures):
            held = picture.state._keys_values
            if not picture.is_whole:
                _hold(picture, held[number], keys_values[part], number >= self._watch_block)
            elif len(held) > number:
                held[number] = keys_values[part].clone()
            else:
                held.append(keys_values[part].clone())
            stored = held[number].unflatten(-1, (2, heads, -1)).permute(1, 2, 0, 3)
            query = queries[part].transpose(0, 1)
            if number == self._look_block and picture.is_looked_at:
                picture.watched = self._look(query[:, :1], stored[0])
            attended.append(_mix(query, stored).transpose(0, 1).flatten(1))
        return attention.proj(attention.norm(_join(attended)))

    def _look(self, query: Tensor, keys: Tensor) -> Tensor:
        """The tokens to watch next, (P,), chosen by the first token's query, (heads, 1, size)."""
        prefix, num_patches = self.num_prefix_tokens, self.num_patches
        step = 16 // _SPREAD
        is_watched = torch.zeros(num_patches, dtype=torch.bool, device=keys.device)
        is_watched[step // 2 :: step] = True
        if prefix:
            weights = (query * query.shape[-1] ** -0.5 @ keys[:, prefix:].transpose(1, 2)).float()
            best = weights.softmax(dim=-1)[:, 0].mean(dim=0)
            is_watched[best.topk(max(1, _MOST_ATTENDED * num_patches // 16)).indices] = True
        return is_watched.nonzero()[:, 0] + prefix

    def _count(self, picture: Picture, num_blocks: int) -> None:
        state, late = picture.state, num_blocks - self._watch_block
        rest = len(self._encoder.vit.blocks) - num_blocks
        state.num_recomputed += self._watch_block * len(picture.places) + rest
        state.num_recomputed += late * len(picture.late_places)
        state.num_tokens += num_block_tokens(self._encoder)


def num_block_tokens(encoder: FrameEncoder) -> int:
    """Tokens of a picture that all blocks together compute where nothing is reused."""
    vit: Any = encoder.vit
    rows, columns = vit.patch_embed.grid_size
    num_tokens = vit.num_prefix_tokens + rows * columns
    if encoder.reads_cls_only:
        return num_tokens * (len(vit.blocks) - 1) + 1
    return num_tokens * len(vit.blocks)


def _parts(pictures: Sequence[Picture]) -> Iterator[tuple[Picture, slice]]:
    """Which rows of the tokens of all pictures are whose."""
    at = 0
    for picture in pictures:
        end = at + len(picture.places)
        yield picture, slice(at, end)
        at = end


def _join(parts: list[Tensor]) -> Tensor:
    """Rows one below the other; a few of zeros may come last."""
    return _fill(torch.cat(parts), _ROWS)


def _fill(rows: Tensor, step: int) -> Tensor:
    """Rows, (…, R, C), and as many of zeros as their number lacks to be one of the steps."""
    lacks = 0 if rows.dtype == torch.float32 else -rows.shape[-2] % step
    return pad(rows, (0, 0, 0, lacks)) if lacks else rows


def _mix(query: Tensor, stored: Tensor) -> Tensor:
    """What queries, (heads, R, size), take from keys and values, (2, heads, N, size)."""
    if query.dtype == torch.float32 or query.device.type != "cpu":
        return scaled_dot_product_attention(query[None], stored[:1], stored[1:])[0]
    # Of so few queries, plain products take two thirds of the time of torch's own attention in
    # bf16, measured where a processor has AVX-512's products.
    keys, values = stored.contiguous()
    scaled = _fill(query * query.shape[-1] ** -0.5, _QUERIES)
    return ((scaled @ keys.transpose(1, 2)).softmax(dim=-1) @ values)[:, : query.shape[1]]


def _let_in(pictures: Sequence[Picture], tokens: Tensor) -> list[Tensor]:
    """The tokens of the later blocks: of those that come in, what they last were here."""
    entered: list[Tensor] = []
    for picture, part in _parts(pictures):
        state = picture.state
        if picture.is_whole:
            state._entering = tokens[part].clone()
        else:
            assert state._entering is not None, "a stream begins with a whole picture"
            state._entering.index_copy_(0, picture.places, tokens[part])
        entered.append(state._entering.index_select(0, picture.late_places))
    for picture in pictures:
        picture.places = picture.late_places
    return entered


def _hold(picture: Picture, held: Tensor, rows: Tensor, is_late: bool) -> None:
    """Renews the rows of computed tokens, and moves on the others with those that are watched."""
    if is_late and picture.steady is not None and picture.spread is not None:
        at = torch.searchsorted(picture.places, picture.steady)
        moves = rows.index_select(0, at) - held.index_select(0, picture.steady)
        held.addmm_(picture.spread, moves)
    held.index_copy_(0, picture.places, rows)


def _hold_last(pictures: Sequence[Picture], rows: Tensor) -> list[Tensor]:
    """For each picture the rows of all its tokens, of which some are new."""
    found: list[Tensor] = []
    for picture, part in _parts(pictures):
        state = picture.state
        if picture.is_whole or state._last is None:
            state._last = rows[part].clone()
        else:
            _hold(picture, state._last, rows[part], is_late=True)
        if picture.watched is not None:
            state._next_watch = _liken(picture.watched, state._last)
            if picture.is_whole:
                state._watch = state._next_watch
        found.append(state._last.clone())
    return found


def _liken(watched: Tensor, rows: Tensor) -> Watch:
    directions = normalize(rows - rows.mean(dim=0), dim=-1)
    return Watch(watched, directions @ directions[watched].T / _TEMPERATURE)


def _check_blocks(encoder: FrameEncoder) -> None:
    for block in encoder.vit.blocks:
        if not is_plain_block(block):
            kind = f"{type(block).__name__} with {type(getattr(block, 'attn', None)).__name__}"
            raise ConfigError(
                f"tokens of {encoder.name} cannot be reused: its blocks are {kind}, expected "
                "timm's plain Block with Attention; leave encoder.reuse out"
            )
