# pyright: basic
"""Token reuse: of a picture that hardly changes, only the patches that did are computed again."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vidcache.config import REFRESH_EVERY
from vidcache.encoder.frame_encoder import FrameEncoder
from vidcache.encoder.gated_vit import GatedViT, Picture, num_products
from vidcache.encoder.preprocessing import Images
from vidcache.encoder.reuse_state import ReuseState
from vidcache.errors import ConfigError, InputError

__all__ = ["ReusingEncoder"]

# Change of an embedded patch that shows that something moved there, noise being less.
_MOVED = 0.1

# With more than this share of tokens changed, choosing among them costs more than it saves.
_MOST_CHANGED = 0.5


class ReusingEncoder:
    """Encodes the frames of streams, computing only what changed since their last pictures.

    Patches that changed by less than the gate stay what they were, to the bit. In every block the
    tokens that go into the three products (queries, keys and values; the projection behind the
    attention; the MLP) are compared with what they were when they were last computed there, and
    those that changed by less than the gate keep their old answers. The attention itself is
    computed for all tokens, so that each sees what changed elsewhere. The prefix tokens (CLS,
    registers) are always computed, and every other token once in ``refresh_every`` frames, a few
    in each.

    While most of a picture changes, or little was saved of late, pictures are computed whole, by
    the encoder's engine. The first of a still stream, and one behind a cut, is computed whole here.

    Args:
        encoder: The encoder; its ViT must have timm's plain blocks.
        gate: Relative change, of what goes into a product, from which a token is computed again.
            0 computes everything, by the encoder itself and so exactly as it does.
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
        >>> tokens = ReusingEncoder(encoder, gate=0.2)([still], [state])[0]
        >>> tokens.shape, state.share < 0.5
        (torch.Size([3, 1, 192]), True)

    Source:
        Dutson et al., "Eventful Transformers: Leveraging Temporal Redundancy in Vision
        Transformers", 2023. Holding still patches, leaving moving pictures alone and the
        refresh are ours.
    """

    def __init__(
        self, encoder: FrameEncoder, *, gate: float, refresh_every: int = REFRESH_EVERY
    ) -> None:
        if not gate >= 0.0 or refresh_every < 1:
            raise ConfigError(
                f"gate={gate}, refresh_every={refresh_every}: give at least 0 and at least 1"
            )
        self._vit = GatedViT(encoder, gate) if gate > 0 else None
        self._encoder = encoder
        self._num_products = num_products(encoder)
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
        pictures: list[Picture] = []
        owners: list[int] = []
        for number, (state, frames) in enumerate(zip(states, pixels, strict=True)):
            embedded = self._embed_still(state, frames)
            if embedded is None:
                features[number] = self._encoder.features(frames, num_threads)
                state.count_whole(len(frames), self._num_products)
            else:
                pictures += self._choose(state, *embedded)
                owners += [number] * len(frames)
        if pictures:
            assert self._vit is not None, "at gate 0 none is chosen from"
            found = self._vit.forward(pictures)
            for picture, number in zip(pictures, owners, strict=True):
                states[number].count_changes(picture.num_products, self._num_products)
            for number in set(owners):
                features[number] = torch.stack(
                    [tokens for tokens, owner in zip(found, owners, strict=True) if owner == number]
                )
                states[number].pause_if_worthless()
        return features

    def _embed_still(self, state: ReuseState, frames: Tensor) -> tuple[Tensor, list[float]] | None:
        """The embedded patches of pictures that mostly stay as they are, and how far they do not.

        Returns:
            The patches, (F, N, C), and the share of them that changed since the picture before;
            None if the pictures move, or reuse pauses.
        """
        if self._vit is None or len(frames) == 0 or state._paused:
            return None
        if state._embedded is None and len(frames) > 1:
            # A moving camera is recognised by two pictures, which is a fraction of embedding all.
            first, second = self._vit.embed(frames[:2])
            if _changed(second[None], first[None])[0] > _MOST_CHANGED:
                return None
        embedded = self._vit.embed(frames)
        earlier = embedded[:1] if state._embedded is None else state._embedded[None]
        shares = _changed(embedded, torch.cat([earlier, embedded[:-1]]))
        if sum(shares) > _MOST_CHANGED * len(shares):
            state.reset()
            # A single picture is known to stand still when the next one has come.
            state._embedded = embedded[-1].clone() if len(frames) == 1 else None
            return None
        state._embedded = embedded[-1].clone()
        return embedded, shares

    def _choose(self, state: ReuseState, embedded: Tensor, shares: list[float]) -> list[Picture]:
        """Pictures whose patches stay to the bit what they were, unless they passed the gate."""
        assert self._vit is not None, "at gate 0 none is chosen from"
        places = torch.arange(embedded.shape[1], device=embedded.device)
        pictures: list[Picture] = []
        for tokens, share in zip(embedded, shares, strict=True):
            is_whole = share > _MOST_CHANGED or not state._blocks
            if not state._blocks:
                state._blocks = self._vit.init_blocks()
            due = places % self._refresh_every == state.num_frames % self._refresh_every
            due[: self._vit.num_prefix_tokens] = True
            state._patches.choose(tokens, self._gate, None if is_whole else due)
            held = state._patches.inputs.clone()
            pictures.append(Picture(held, state._blocks, None if is_whole else due))
            state.num_frames += 1
            state.num_dense += is_whole
        return pictures


def _changed(tokens: Tensor, before: Tensor) -> list[float]:
    """For each picture the share of its patches in which something moved."""
    change = (tokens - before).float().norm(dim=-1)
    is_changed = change > _MOVED * before.float().norm(dim=-1)
    return is_changed.float().mean(dim=-1).tolist()
