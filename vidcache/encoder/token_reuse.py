# pyright: basic
"""Token reuse: of a picture that hardly changes, only the patches that did are computed again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from vidcache.config import REFRESH_EVERY
from vidcache.encoder.frame_encoder import FrameEncoder
from vidcache.encoder.preprocessing import Images
from vidcache.errors import ConfigError, InputError

__all__ = ["ReuseState", "ReusingEncoder"]

# Change of an embedded patch that shows that something moved there, noise being less.
_MOVED = 0.1

# With more than this share of tokens changed, choosing among them costs more than it saves.
_MOST_CHANGED = 0.5


@dataclass(eq=False)
class ReuseState:
    """What is remembered of one stream's last picture; its size does not grow.

    Attributes:
        num_frames: Frames encoded so far.
        num_dense: How many of them were computed whole: moving pictures, the first, cuts.
        num_recomputed: Tokens computed in a block, over all blocks and frames.
        num_tokens: How many these would have been without reuse.
    """

    num_frames: int = 0
    num_dense: int = 0
    num_recomputed: int = 0
    num_tokens: int = 0
    _references: list[Tensor] = field(default_factory=list[Tensor], repr=False)
    _keys_values: list[Tensor] = field(default_factory=list[Tensor], repr=False)
    _features: Tensor | None = field(default=None, repr=False)
    _embedded: Tensor | None = field(default=None, repr=False)

    def reset(self) -> None:
        """Forgets the picture, as at a cut; the counters stay."""
        self._references, self._keys_values = [], []
        self._features = self._embedded = None

    @property
    def share(self) -> float:
        """Share of the work that was done; 1 before the first frame."""
        return self.num_recomputed / self.num_tokens if self.num_tokens else 1.0


class ReusingEncoder:
    """Encodes the frames of streams, computing only what changed since their last pictures.

    In front of every block, each token is compared with what it was when the block last computed
    it. One that changed by less than the gate keeps the keys and values that it had there, and
    goes no further. What is computed attends to all tokens. The prefix tokens (CLS, registers) are
    always computed, and every other token once in ``refresh_every`` frames, a few in each. The
    reference moves only with what is computed, so that a slow change adds up and passes the gate
    in the end.

    While most of a picture changes, pictures are computed whole, by the encoder's engine.

    Args:
        encoder: The encoder; its ViT must have timm's plain blocks.
        gate: Relative change, of a block's normed input, from which a token is computed again. 0
            computes everything, by the encoder itself and so exactly as it does.
        refresh_every: Frames within which every token is computed again at least once.

    Raises:
        ConfigError: The gate is negative, ``refresh_every`` is not at least 1, or the ViT has
            blocks of another kind.

    Example:
        >>> import numpy as np
        >>> from vidcache import FrameEncoder
        >>> from vidcache.encoder import ReuseState, ReusingEncoder
        >>> encoder = FrameEncoder("vit_tiny_patch16_224", None, image_size=64)
        >>> still = np.full((3, 64, 64, 3), 90, np.uint8)
        >>> state = ReuseState()
        >>> tokens = ReusingEncoder(encoder, gate=0.1)([still], [state])[0]
        >>> tokens.shape, state.share < 0.5
        (torch.Size([3, 1, 192]), True)

    Source:
        Dutson et al., "Eventful Transformers: Leveraging Temporal Redundancy in Vision
        Transformers", 2023; here tokens that stop changing leave the picture for good.
    """

    def __init__(
        self, encoder: FrameEncoder, *, gate: float, refresh_every: int = REFRESH_EVERY
    ) -> None:
        if not gate >= 0.0 or refresh_every < 1:
            raise ConfigError(
                f"gate={gate}, refresh_every={refresh_every}: give at least 0 and at least 1"
            )
        if gate > 0:
            _check_blocks(encoder)
        self._encoder = encoder
        self._gate = gate
        self._refresh_every = refresh_every

    def __call__(
        self,
        images: Sequence[Images],
        states: Sequence[ReuseState],
        num_threads: int | None = None,
    ) -> list[Tensor]:
        """Encodes the next frames of streams, whose products are shared.

        Args:
            images: For each stream its next frames, as :meth:`FrameEncoder.forward` takes them.
            states: What is remembered of each stream; they are changed.
            num_threads: Threads that the ViT uses where it computes whole pictures.

        Returns:
            For each stream float32 tokens, (F, N, C).

        Raises:
            InputError: Pictures have another type or shape, or there is not a state for each.
        """
        if len(images) != len(states) or len({id(state) for state in states}) != len(states):
            raise InputError(f"{len(images)} streams, {len(states)} states: give each its own")
        with torch.inference_mode():
            pixels = [self._encoder.preprocess(frames) for frames in images]
            features = self._features(pixels, states, num_threads)
            tokens = [self._encoder.pool(found.float()) for found in features]
        return [found.to(torch.float32, copy=True) for found in tokens]

    def _features(
        self, pixels: list[Tensor], states: Sequence[ReuseState], num_threads: int | None
    ) -> list[Tensor]:
        features: list[Tensor] = [torch.empty(0)] * len(states)
        frames: list[_Frame] = []
        for number, (state, pictures) in enumerate(zip(states, pixels, strict=True)):
            still = self._embed_still(state, pictures)
            if still is None:
                features[number] = self._encoder.features(pictures, num_threads)
                self._count_whole(state, len(pictures))
                continue
            frames += [
                _Frame(state, number, tokens, is_whole=share > _MOST_CHANGED)
                for tokens, share in zip(*still, strict=True)
            ]
        if frames:
            self._walk(frames)
            for number in {frame.stream for frame in frames}:
                found = [frame.features for frame in frames if frame.stream == number]
                features[number] = torch.stack(found)
        return features

    def _embed_still(
        self, state: ReuseState, pictures: Tensor
    ) -> tuple[Tensor, list[float]] | None:
        """The embedded patches of pictures that mostly stay as they are, and how far they do not.

        Returns:
            The patches, (F, P, C), and the share of them that changed since the picture before;
            None if the pictures move.
        """
        if self._gate == 0 or len(pictures) == 0:
            return None
        vit: Any = self._encoder.compute_vit()
        pictures = pictures.to(next(vit.parameters()).dtype)
        if state._embedded is None and len(pictures) > 1:
            # A moving camera is recognised by two pictures, which is a fraction of embedding all.
            first, second = _embed(vit, pictures[:2])
            if _changed(second[None], first[None])[0] > _MOST_CHANGED:
                return None
        embedded = _embed(vit, pictures)
        earlier = embedded[:1] if state._embedded is None else state._embedded[None]
        before = torch.cat([earlier, embedded[:-1]])
        shares = _changed(embedded, before)
        if sum(shares) > _MOST_CHANGED * len(shares):
            state.reset()
            # A single picture is known to stand still when the next one has come.
            state._embedded = embedded[-1].clone() if len(pictures) == 1 else None
            return None
        state._embedded = embedded[-1].clone()
        return embedded, shares

    def _walk(self, frames: list["_Frame"]) -> None:
        """Takes frames, those of a stream in order, through all blocks."""
        vit: Any = self._encoder.compute_vit()
        num_prefix, num_tokens = vit.num_prefix_tokens, len(frames[0].tokens)
        for frame in frames:
            state = frame.state
            frame.is_whole |= not state._references
            if not state._references:
                _allocate(state, vit, frame.tokens)
            state.num_dense += frame.is_whole
            frame.rows = torch.arange(num_tokens)
            frame.is_due = (
                frame.rows % self._refresh_every == state.num_frames % self._refresh_every
            )
            frame.is_due[:num_prefix] = True
            state.num_frames += 1
        rows = torch.cat([frame.tokens for frame in frames])
        for number, block in enumerate(vit.blocks):
            normed = block.norm1(rows)
            kept, at = [], 0
            for frame in frames:
                end = at + len(frame.rows)
                chosen = self._choose(frame, number, normed[at:end])
                kept.append(chosen + at)
                frame.rows = frame.rows[chosen]
                frame.state.num_recomputed += len(chosen)
                at = end
            chosen_rows = torch.cat(kept)
            rows = _compute(block, number, frames, rows[chosen_rows], normed[chosen_rows])
        normed = vit.norm(rows)
        at = 0
        for frame in frames:
            end = at + len(frame.rows)
            assert frame.state._features is not None, "allocated above"
            frame.state._features[frame.rows] = normed[at:end]
            frame.features = frame.state._features.clone()
            frame.state.num_tokens += num_tokens * len(vit.blocks)
            at = end

    def _choose(self, frame: "_Frame", number: int, normed: Tensor) -> Tensor:
        """Places of the tokens that this block computes; they become its references."""
        reference = frame.state._references[number]
        if frame.is_whole:
            chosen = torch.arange(len(normed))
        else:
            before = reference[frame.rows]
            change = (normed - before).float().square().sum(dim=-1)
            is_chosen = change > self._gate**2 * before.float().square().sum(dim=-1)
            chosen = (is_chosen | frame.is_due[frame.rows]).nonzero()[:, 0]
        reference[frame.rows[chosen]] = normed[chosen]
        return chosen

    def _count_whole(self, state: ReuseState, num_frames: int) -> None:
        vit: Any = self._encoder.vit
        rows, columns = vit.patch_embed.grid_size
        all_tokens = num_frames * len(vit.blocks) * (rows * columns + vit.num_prefix_tokens)
        state.num_frames += num_frames
        state.num_dense += num_frames
        state.num_tokens += all_tokens
        state.num_recomputed += all_tokens


@dataclass(eq=False)
class _Frame:
    """A frame on its way through the blocks: which of its tokens are still computed."""

    state: ReuseState
    stream: int
    tokens: Tensor
    is_whole: bool = False
    rows: Tensor = field(default_factory=lambda: torch.empty(0))
    is_due: Tensor = field(default_factory=lambda: torch.empty(0))
    features: Tensor = field(default_factory=lambda: torch.empty(0))


def _changed(tokens: Tensor, before: Tensor) -> list[float]:
    """For each picture the share of its patches in which something moved."""
    change = (tokens - before).float().norm(dim=-1)
    is_changed = change > _MOVED * before.float().norm(dim=-1)
    return is_changed.float().mean(dim=-1).tolist()


def _embed(vit: Any, pictures: Tensor) -> Tensor:
    return vit.norm_pre(vit._pos_embed(vit.patch_embed(pictures)))


def _allocate(state: ReuseState, vit: Any, tokens: Tensor) -> None:
    state._references = [torch.empty_like(tokens) for _ in vit.blocks]
    heads = vit.blocks[0].attn.num_heads
    shape = (2, heads, len(tokens), vit.blocks[0].attn.qkv.out_features // (3 * heads))
    state._keys_values = [tokens.new_empty(shape) for _ in vit.blocks]
    state._features = torch.empty_like(tokens)


def _compute(block: Any, number: int, frames: list[_Frame], rows: Tensor, normed: Tensor) -> Tensor:
    """A block's output for the chosen rows, which attend to all tokens of their frame."""
    attention = block.attn
    query, key, value = attention.qkv(normed).unflatten(-1, (3, attention.num_heads, -1)).unbind(1)
    query, key = attention.q_norm(query), attention.k_norm(key)
    attended: list[Tensor] = []
    at = 0
    for frame in frames:
        end = at + len(frame.rows)
        stored = frame.state._keys_values[number]
        stored[0, :, frame.rows] = key[at:end].transpose(0, 1)
        stored[1, :, frame.rows] = value[at:end].transpose(0, 1)
        out = scaled_dot_product_attention(
            query[at:end].transpose(0, 1)[None], stored[:1], stored[1:]
        )
        attended.append(out[0].transpose(0, 1).flatten(1))
        at = end
    rows = rows + block.ls1(attention.proj(attention.norm(torch.cat(attended))))
    return rows + block.ls2(block.mlp(block.norm2(rows)))


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
