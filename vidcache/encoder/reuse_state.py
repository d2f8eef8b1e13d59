"""What token reuse remembers of a stream."""

from dataclasses import dataclass, field

from torch import Tensor

__all__ = ["ReuseState", "Watch"]


@dataclass(frozen=True, eq=False)
class Watch:
    """Tokens that are computed whenever something moves, and who else they speak for.

    Attributes:
        tokens: Their places in the picture, (P,), ascending.
        likeness: How alike each token is to each of them, (N, P).
    """

    tokens: Tensor
    likeness: Tensor


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
    _patches: Tensor | None = field(default=None, repr=False)
    _embedded: Tensor | None = field(default=None, repr=False)
    _entering: Tensor | None = field(default=None, repr=False)
    _keys_values: list[Tensor] = field(default_factory=list[Tensor], repr=False)
    _last: Tensor | None = field(default=None, repr=False)
    _watch: Watch | None = field(default=None, repr=False)
    _next_watch: Watch | None = field(default=None, repr=False)
    _is_followed: Tensor | None = field(default=None, repr=False)

    def reset(self) -> None:
        """Forgets the picture, as at a cut; the counters stay."""
        self._patches = self._embedded = self._entering = self._last = None
        self._watch = self._next_watch = self._is_followed = None
        self._keys_values = []

    @property
    def share(self) -> float:
        """Share of the work that was done; 1 before the first frame."""
        return self.num_recomputed / self.num_tokens if self.num_tokens else 1.0

    @property
    def nbytes(self) -> int:
        """Bytes that are held."""
        tensors = [self._patches, self._embedded, self._entering, self._last, self._is_followed]
        tensors += self._keys_values
        for watch in (self._watch, self._next_watch):
            tensors += [] if watch is None else [watch.tokens, watch.likeness]
        return sum(tensor.nbytes for tensor in tensors if tensor is not None)
