"""The camera head: a causal temporal transformer that refines its prediction in several passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import isfinite
from typing import Any, cast

import torch
from torch import Tensor, nn

from vidcache.cache import (
    Archive,
    ArchiveConfig,
    BlockPool,
    DenseStorage,
    FrameTimes,
    HeadState,
    PagedStorage,
)
from vidcache.cache.chosen_rows import ChosenRows
from vidcache.cache.formats import KeyValueFormats
from vidcache.cache.frame_times import require_rising
from vidcache.errors import InputError, StateError
from vidcache.head.archive_attention import ArchiveAttention
from vidcache.head.attention import ChunkAttention, ClipAttention, FrameAttention
from vidcache.head.bare import can_be_bare, parts_of
from vidcache.head.block import Block, Mlp
from vidcache.head.checks import check_features, check_rows, check_seconds, check_state
from vidcache.head.config import HeadConfig
from vidcache.head.fingerprint import Fingerprint
from vidcache.head.linear import Linear
from vidcache.head.refinement import HeadOutput, LaneAttention, first_modulation, refine
from vidcache.head.rotary import RotaryTime
from vidcache.head.vggt import config_from_vggt, weights_from_vggt

__all__ = ["CameraHead"]

# A longer chunk is stepped in pieces, which bounds the memory of its attention scores.
_MAX_CHUNK_TOKENS = 1024


class CameraHead(nn.Module):
    """Reads frame features in time and predicts a vector a frame, causally.

    Each pass embeds the previous prediction (a learned empty one at first), modulates the original
    tokens with it, runs the trunk, and adds what the trunk reads out to the prediction. Called on
    a clip it sees every frame through the policy's causal band; stepped with a state it gives the
    same numbers a frame at a time, in constant time and memory.

    Args:
        config: The settings.

    Example:
        >>> import torch
        >>> from vidcache import CameraHead, HeadConfig, SinkWindow
        >>> config = HeadConfig(in_features=32, width=64, depth=2, num_heads=4, num_iterations=3,
        ...                     num_outputs=5, eviction=SinkWindow(window=8, sink_frames=1))
        >>> head = CameraHead(config).double()
        >>> features = torch.randn(2, 20, 32, dtype=torch.float64)
        >>> clip = head(features).prediction
        >>> state = head.init_state(batch_size=2)
        >>> stream = torch.cat(
        ...     [head.step(features[:, t : t + 1], state).prediction for t in range(20)], dim=1)
        >>> torch.allclose(clip, stream, rtol=1e-10)
        True

    Source:
        The structure is that of the camera head in Wang et al., "VGGT: Visual Geometry Grounded
        Transformer", 2025; AdaLN modulation from Peebles and Xie, "Scalable Diffusion Models with
        Transformers", 2023.
    """

    _bare: tuple[int, Callable[..., HeadOutput]] | None = None

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        width, num_outputs = config.width, config.num_outputs
        self.config = config
        self.token_norm = nn.LayerNorm(config.in_features)
        same = config.in_features == width
        self.project = nn.Identity() if same else Linear(config.in_features, width)
        self.empty_prediction = nn.Parameter(torch.zeros(num_outputs))
        self.embed_prediction = Linear(num_outputs, width)
        self.modulation = Linear(width, 3 * width)
        self.trunk = nn.ModuleList(
            Block(width, config.num_heads, config.mlp_ratio, config.layer_scale)
            for _ in range(config.depth)
        )
        self.trunk_norm = nn.LayerNorm(width)
        self.prediction_branch = Mlp(width, width // 2, num_outputs)
        rotary = config.positions != "none"
        self._rotary = RotaryTime(config.head_dim, config.rotary_base) if rotary else None
        self._fingerprint = Fingerprint()

    def forward(self, features: Tensor, seconds: Tensor | None = None) -> HeadOutput:
        """Predicts every frame of whole clips, each from the frames that it may see.

        Args:
            features: Tokens of the frames, (B, T, N, in_features), or (B, T, in_features) where
                a frame has one token.
            seconds: Times of the frames, (B, T), not decreasing. Needed where positions or the
                policy count seconds.

        Returns:
            The predictions, with gradients where they are enabled.

        Raises:
            InputError: A shape or dtype does not fit, or times are missing or go backwards.
        """
        features = check_features(features, self.config, self.token_norm.weight)
        batch_size, num_frames = features.shape[:2]
        index = torch.arange(num_frames).expand(batch_size, -1)
        seconds = check_seconds(seconds, features, self.config)
        if seconds is None:
            times = FrameTimes(index[:1], torch.zeros(1, num_frames, dtype=torch.float64))
        else:
            require_rising(seconds)
            times = FrameTimes(index, seconds)
        attention = ClipAttention(self.config, times, features.device)
        return self._refine(features, self._rotation(times, 0, features), attention)

    # Outside of inference mode, whatever the caller is in: the state outlives the call.
    @torch.inference_mode(False)
    @torch.no_grad()
    def step(
        self,
        features: Tensor,
        state: HeadState,
        seconds: Tensor | None = None,
        rows: Sequence[int] | Tensor | None = None,
    ) -> HeadOutput:
        """Predicts the next frames of streams and makes them history.

        Gives what :meth:`forward` gives for these frames on everything the streams have seen,
        however they are cut into chunks. It computes no gradients. An error leaves the state as
        it was. A chunk of more than 1024 tokens is committed in pieces of that size, and frame by
        frame where frames are scored or archived: then the pieces before an error stay.

        Rows step alone: where K of the state's B rows have new frames, ``rows`` names them, and
        the others stay as they are to the bit. Rows that follow each other are read where they
        lie; others are brought together a lane at a time, in memory that is allocated once.

        Args:
            features: Tokens of the next T ≥ 1 frames, (K, T, N, in_features), or
                (K, T, in_features) where a frame has one token.
            state: The streams' state, from :meth:`init_state`; it is changed.
            seconds: Times of the frames, (K, T), where positions or the policy count seconds.
            rows: The row of the state that each of the K streams of ``features`` is: distinct
                numbers in any order, a sequence or an int64 tensor (K,). None means all rows.

        Returns:
            The predictions of these frames.

        Raises:
            InputError: A shape or dtype does not fit, a feature or its square is not finite,
                times are missing or go backwards, or a row comes twice or does not exist.
            StateError: The state belongs to other settings or weights, or has another number of
                rows than ``features``.

        Example:
            >>> import torch
            >>> from vidcache import CameraHead, HeadConfig, SlidingWindow
            >>> head = CameraHead(HeadConfig(in_features=8, width=16, depth=1, num_heads=2,
            ...     num_iterations=2, num_outputs=3, eviction=SlidingWindow(4)))
            >>> state = head.init_state(batch_size=3)
            >>> out = head.step(torch.randn(2, 1, 8), state, rows=[2, 0])
            >>> state.num_seen.tolist()
            [1, 0, 1]
        """
        features = check_features(features, self.config, self.token_norm.weight)
        check_state(state, self.config, self.token_norm.weight)
        chosen = check_rows(rows, features, state)
        if state.fingerprint != self.fingerprint():
            raise StateError(
                "the head's weights changed since this state began: its cached frames are stale; "
                "make a new state with head.init_state"
            )
        # A sum takes half the time; one that is too large for its dtype is looked into.
        if not isfinite(features.square().sum().item()) and not self._can_norm(features):
            raise InputError(
                "features hold NaN or infinity, or numbers whose squares are infinite, which would "
                "stay in the memory: skip this frame"
            )
        seconds = check_seconds(seconds, features, self.config)
        num_frames = features.shape[1]
        # What scores let go after a frame, the next one must not see, and what goes to the archive
        # must have been in a slot.
        one_by_one = self.config.eviction.scored is not None or state.archive is not None
        piece = 1 if one_by_one else max(1, _MAX_CHUNK_TOKENS // self.config.num_tokens)
        if seconds is not None and num_frames > piece:
            # Before the first piece is committed; the slot table asks for each of them.
            require_rising(seconds)
        outputs = [
            self._step_piece(
                features[:, start : start + piece],
                state,
                None if seconds is None else seconds[:, start : start + piece],
                chosen,
            )
            for start in range(0, num_frames, piece)
        ]
        if len(outputs) == 1:
            return outputs[0]
        passes = zip(*(output.iterations for output in outputs), strict=True)
        iterations = tuple(torch.cat(parts, dim=1) for parts in passes)
        return HeadOutput(iterations[-1], iterations)

    def init_state(
        self,
        batch_size: int = 1,
        *,
        dtype: torch.dtype | None = None,
        key_format: str | None = None,
        value_format: str | None = None,
        device: torch.device | str | None = None,
        pool: BlockPool | None = None,
        archive: ArchiveConfig | None = None,
        first_frame: int = 0,
    ) -> HeadState:
        """Makes the state of new streams.

        Without a pool it has all the memory that the streams will ever need; with one it takes
        blocks as they are written.

        Args:
            batch_size: Number of streams B.
            dtype: What keys and values are attended in, and stored in where no format is given;
                None takes the head's dtype.
            key_format: Storage format of the keys, such as ``"int8"``; see
                :class:`~vidcache.cache.StorageFormat`.
            value_format: Storage format of the values.
            device: Where they are stored; None takes the head's device.
            pool: The pool that the streams live in; it decides about formats and device.
            archive: What is done with frames that leave the slots; None forgets them. With an
                archive every chunk is stepped one frame at a time.
            first_frame: Number of the streams' first frame, for one that goes on from elsewhere.

        Returns:
            The state.

        Raises:
            InputError: A number is out of range, or a pool is given together with formats.
            ConfigError: There is no such storage format, or the archive has no room for a block.
            StateError: The pool is made for another head, or too small for these streams.
        """
        if batch_size < 1 or first_frame < 0:
            raise InputError(
                f"batch_size={batch_size}, first_frame={first_frame}: give at least 1 and 0"
            )
        weight = self.token_norm.weight
        layout = self.config.cache_layout
        if pool is None:
            formats = KeyValueFormats.choose(dtype or weight.dtype, key_format, value_format)
            place = weight.device if device is None else torch.device(device)
            storage = DenseStorage(layout, batch_size, formats, place)
        else:
            if (dtype, key_format, value_format, device) != (None, None, None, None):
                raise InputError(
                    "a pool decides about dtype, formats and device: give them to the BlockPool"
                )
            pool.suit(layout, weight.dtype, weight.device)
            pool.require_room(layout, batch_size)
            storage = PagedStorage(layout, batch_size, pool)
        return HeadState(
            self.config,
            storage,
            compute_dtype=weight.dtype,
            fingerprint=self.fingerprint(),
            first_frame=first_frame,
            archive=archive
            and Archive(archive, layout, storage.formats, batch_size, storage.device),
        )

    def fingerprint(self) -> str:
        """Returns a hash of settings and weights; a state belongs to the head that has its own.

        It is computed again only after a weight was changed, by a training step, by loading, or in
        place by hand, or after a layer was put in the place of another.
        """
        return self._fingerprint.of(self, self.config.to_dict)

    @classmethod
    def from_vggt(
        cls,
        state_dict: dict[str, Tensor],
        *,
        num_heads: int = 16,
        num_iterations: int = 4,
        **settings: Any,
    ) -> CameraHead:
        """Builds a head from the weights of a VGGT-style camera head.

        It computes what that head computes under a causal mask. Sizes follow from the weights.

        Args:
            state_dict: The weights, with or without a ``camera_head.`` prefix.
            num_heads: Attention heads of the trunk, which weights do not show.
            num_iterations: Refinement passes.
            **settings: Further settings of :class:`HeadConfig`, such as ``eviction``.

        Returns:
            The head, on the device and in the dtype of the weights.

        Raises:
            InputError: A weight is missing, unknown or of the wrong shape.
            ConfigError: A setting does not fit.
        """
        weights = weights_from_vggt(state_dict)
        head = cls(config_from_vggt(weights, num_heads, num_iterations, settings))
        try:
            head.load_state_dict(weights)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise InputError(f"these are no VGGT camera-head weights: {reason}") from None
        return head.to(weights["trunk_norm.weight"])

    def _step_piece(
        self, features: Tensor, state: HeadState, seconds: Tensor | None, rows: ChosenRows
    ) -> HeadOutput:
        times = state.slots.next_times(features.shape[1], seconds, rows)
        plan = state.slots.plan(times, rows)
        rotation = self._rotation(times, state.first_frame, features)
        if state.archive is not None:
            attention = ArchiveAttention(self.config, state, state.archive, plan, rotation)
        elif features.shape[1] == 1:
            attention = FrameAttention(self.config, state, plan, rotation)
        else:
            attention = ChunkAttention(self.config, state, plan)
        # Operations on one frame are so short that what gradients would need is a tenth of them.
        is_quick = type(attention) is FrameAttention
        with torch.inference_mode() if is_quick else torch.no_grad():
            output = self._refine_bare()(features, rotation, attention)
        attention.commit()
        iterations = tuple(prediction.clone() for prediction in output.iterations)
        return HeadOutput(iterations[-1], iterations)

    def _refine_bare(self) -> Callable[..., HeadOutput]:
        """The passes, without modules where nobody is at these."""
        if type(self) is not CameraHead or not can_be_bare(self._fingerprint.modules):
            return self._refine
        if self._bare is None or self._bare[0] != self._fingerprint.version:
            parts = cast("CameraHead", parts_of(self))
            with torch.no_grad():
                first = first_modulation(parts)
            self._bare = (self._fingerprint.version, partial(refine, parts, first=first))
        return self._bare[1]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_bare"}

    def _refine(
        self, features: Tensor, rotation: Tensor | None, attention: LaneAttention
    ) -> HeadOutput:
        return refine(self, features, rotation, attention)

    def _can_norm(self, features: Tensor) -> bool:
        return bool(torch.isfinite(self.token_norm(features)).all())

    def _rotation(self, times: FrameTimes, first_frame: int, like: Tensor) -> Tensor | None:
        if self._rotary is None:
            return None
        if self.config.positions == "index":
            rotation = self._rotary.rotations(times.index + first_frame, None, like)
        else:
            position = times.seconds * self.config.positions_per_second
            whole = position.floor()
            rotation = self._rotary.rotations(whole.to(torch.int64), position - whole, like)
        num_tokens = self.config.num_tokens
        return rotation if num_tokens == 1 else rotation.repeat_interleave(num_tokens, dim=1)
