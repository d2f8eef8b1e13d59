"""What is remembered of the beginning of a stream."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from vidcache.cache.state import HeadState

__all__ = ["PrefixBlock", "PrefixMatch"]


@dataclass(frozen=True, eq=False)
class PrefixBlock:
    """What was computed on consecutive frames of one stream.

    Attributes:
        previous: Hash of all frames before the block; None where it begins the stream.
        predictions: Predictions of its frames, (F, …).
        features: Their features, (F, …), from which a state can be computed again; or None.
        state: The stream's state after its last frame, or None.
    """

    previous: str | None
    predictions: Tensor
    features: Tensor | None
    state: HeadState | None

    @property
    def nbytes(self) -> int:
        """Bytes that tensors and state take in memory."""
        tensors = sum(tensor.nbytes for tensor in self.tensors().values())
        if self.state is None:
            return tensors
        tiers = self.state.stats().nbytes_by_tier
        return tensors + tiers["slots"] + tiers["host"]

    def tensors(self) -> dict[str, Tensor]:
        """Returns predictions and, where there are any, features by name."""
        tensors = {"predictions": self.predictions}
        return tensors if self.features is None else tensors | {"features": self.features}


@dataclass(frozen=True, eq=False)
class PrefixMatch:
    """The longest known beginning of a stream.

    Attributes:
        num_frames: Its length.
        state: The state after its last frame; an independent fork, to go on from.
        predictions: Predictions of its frames, (num_frames, …).
    """

    num_frames: int
    state: HeadState
    predictions: Tensor
