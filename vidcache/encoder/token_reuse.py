# pyright: basic
"""Token reuse: of a picture that hardly changes, only the patches that did are computed again."""

from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from vidcache.config import REFRESH_EVERY
from vidcache.encoder.frame_encoder import FrameEncoder
from vidcache.encoder.partial_vit import PartialViT, Picture, num_block_tokens
from vidcache.encoder.preprocessing import Images
from vidcache.encoder.reuse_state import ReuseState
from vidcache.errors import ConfigError, InputError

__all__ = ["ReusingEncoder"]

# Change of an embedded patch that shows that something moved there, noise being less.
_MOVED = 0.1

# With more than this share of tokens changed, choosing among them costs more than it saves.
_MOST_CHANGED = 0.5

# Pictures of a stream that go through the blocks together.
_TOGETHER = 8

# Every so many pictures other tokens are watched. They are chosen by a picture that cannot be
# among those that are computed together, so that a stream may be cut anywhere.
_WATCH_ANEW = 16

# The pictures of a stream that are still to come: tokens, where they moved, and in what share.
_Stream: TypeAlias = deque[tuple[Tensor, Tensor, float]]


class ReusingEncoder:
    """Encodes the frames of streams, computing only what changed since their last pictures.

    Each embedded patch is compared with what it was when it was last computed. Those that changed
    by less than the gate stay what they were, in all blocks. The prefix tokens (CLS, registers)
    are always computed, and every other token once in ``refresh_every`` frames, a few in each.
    The reference moves only with what is computed, so that a slow change adds up and passes the
    gate in the end. What is computed attends to all tokens.

    In the later blocks, what moved somewhere bears on all tokens. There a few more are computed
    while anything moves, and the others move on with those that are like them; see
    :class:`PartialViT`.

    While most of a picture changes, pictures are computed whole, by the encoder's engine.

    Args:
        encoder: The encoder; its ViT must have timm's plain blocks.
        gate: Relative change of an embedded patch from which it is computed again. 0 computes
            everything, by the encoder itself and so exactly as it does.
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
        Transformers", 2023, for references that move only with what is computed. There every
        block has gates; here the picture has, and what reaches still patches is estimated.
    """

    def __init__(
        self, encoder: FrameEncoder, *, gate: float, refresh_every: int = REFRESH_EVERY
    ) -> None:
        if not gate >= 0.0 or refresh_every < 1:
            raise ConfigError(
                f"gate={gate}, refresh_every={refresh_every}: give at least 0 and at least 1"
            )
        self._encoder = encoder
        self._vit = PartialViT(encoder) if gate > 0 else None
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
        streams: dict[int, _Stream] = {}
        for number, (state, frames) in enumerate(zip(states, pixels, strict=True)):
            still = self._embed_still(state, frames)
            if still is None:
                features[number] = self._encoder.read_tokens(frames, num_threads)
                self._count_whole(state, len(frames))
            else:
                streams[number] = deque(zip(*still, strict=True))
        found: dict[int, list[Tensor]] = {number: [] for number in streams}
        while self._vit is not None and any(streams.values()):
            taken = {
                number: self._take(states[number], stream) for number, stream in streams.items()
            }
            self._vit.forward([picture for pictures in taken.values() for picture in pictures])
            for number, pictures in taken.items():
                found[number] += [picture.features for picture in pictures]
        for number, parts in found.items():
            features[number] = torch.stack(parts)
        return features

    def _embed_still(
        self, state: ReuseState, frames: Tensor
    ) -> tuple[Tensor, Tensor, list[float]] | None:
        """The embedded patches of pictures that mostly stay as they are, and where they do not.

        Returns:
            The tokens, (F, N, C), where something moved since the picture before, (F, N), and the
            share of such tokens; None if the pictures move.
        """
        if self._vit is None or len(frames) == 0:
            return None
        if state._embedded is None and len(frames) > 1:
            # A moving camera is recognised by two pictures, which is a fraction of embedding all.
            first, second = self._vit.embed(frames[:2])
            if float(_changed(second, first, _MOVED).float().mean()) > _MOST_CHANGED:
                return None
        embedded = self._vit.embed(frames)
        earlier = embedded[:1] if state._embedded is None else state._embedded[None]
        is_moved = _changed(embedded, torch.cat([earlier, embedded[:-1]]), _MOVED)
        shares = is_moved.float().mean(dim=-1).tolist()
        if sum(shares) > _MOST_CHANGED * len(shares):
            state.reset()
            # A single picture is known to stand still when the next one has come.
            state._embedded = embedded[-1].clone() if len(frames) == 1 else None
            return None
        state._embedded = embedded[-1].clone()
        return embedded, is_moved, shares

    def _take(self, state: ReuseState, stream: "_Stream") -> list[Picture]:
        """The next pictures of a stream that may be computed together: whole ones go alone."""
        pictures: list[Picture] = []
        while stream and len(pictures) < _TOGETHER:
            tokens, is_moved, share = stream[0]
            if share > _MOST_CHANGED or state._patches is None:
                if not pictures:
                    stream.popleft()
                    pictures.append(_whole(state, tokens))
                break
            stream.popleft()
            pictures.append(self._choose(state, tokens, is_moved))
        return pictures

    def _choose(self, state: ReuseState, tokens: Tensor, is_moved: Tensor) -> Picture:
        """A picture of which the changed, the due and the watched tokens are computed."""
        assert state._patches is not None, "seen whole before"
        assert state._is_followed is not None, "seen whole before"
        number = state.num_frames
        prefix: int = self._encoder.vit.num_prefix_tokens
        places = torch.arange(len(tokens), device=tokens.device)
        is_changed = _changed(tokens, state._patches, self._gate)
        is_computed = is_changed | (places % self._refresh_every == number % self._refresh_every)
        is_computed[:prefix] = True
        computed = _places(is_computed)
        tokens = tokens.index_select(0, computed)
        state._patches.index_copy_(0, computed, tokens)
        if number % _WATCH_ANEW == 0:
            state._watch = state._next_watch
        picture = Picture(state, tokens, computed, computed)
        picture.is_looked_at = number % _WATCH_ANEW == _WATCH_ANEW - _TOGETHER
        if is_changed.any():
            assert state._watch is not None, "chosen by the first whole picture"
            watched = state._watch.tokens
            is_computed[watched] = True
            picture.late_places = _places(is_computed)
            is_steady = (state._is_followed & ~is_moved)[watched]
            if is_steady.any():
                picture.steady = watched[is_steady]
                picture.spread = state._watch.likeness[:, is_steady].softmax(dim=-1)
            state._is_followed = is_computed
        state.num_frames += 1
        return picture

    def _count_whole(self, state: ReuseState, num_frames: int) -> None:
        num_tokens = num_frames * num_block_tokens(self._encoder)
        state.num_frames += num_frames
        state.num_dense += num_frames
        state.num_tokens += num_tokens
        state.num_recomputed += num_tokens


def _whole(state: ReuseState, tokens: Tensor) -> Picture:
    """A picture that nothing was known of before."""
    state._patches = tokens.clone()
    state._is_followed = torch.ones(len(tokens), dtype=torch.bool, device=tokens.device)
    state.num_frames += 1
    state.num_dense += 1
    places = torch.arange(len(tokens), device=tokens.device)
    return Picture(state, tokens, places, places, is_whole=True, is_looked_at=True)


def _places(mask: Tensor) -> Tensor:
    return mask.nonzero()[:, 0]


def _changed(tokens: Tensor, before: Tensor, gate: float) -> Tensor:
    """Which tokens differ from what they were by more than a share of it."""
    return _length(tokens - before) > gate * _length(before)


def _length(tokens: Tensor) -> Tensor:
    return torch.linalg.vector_norm(tokens, dim=-1, dtype=torch.float32)
