"""What token reuse remembers of a stream."""

from dataclasses import dataclass, field

from torch import Tensor

from vidcache.encoder.gated_layer import GatedLayer
from vidcache.encoder.gated_vit import BlockMemory

__all__ = ["ReuseState"]

# With more than this share of the products done, choosing among tokens costs more than it saves.
_MOST_WORK = 0.5

# How far a picture counts in the mean share of the last ones.
_NEWEST_WEIGHT = 1 / 8

# Pictures computed whole before the next try: twice as many after each that failed.
_FIRST_PAUSE, _LONGEST_PAUSE = 32, 512


@dataclass(eq=False)
class ReuseState:
    """What is remembered of one stream's last picture; its size does not grow.

    Attributes:
        num_frames: Frames encoded so far.
        num_dense: How many of them were computed whole: moving pictures, the first, cuts.
        num_products: Multiplications done, those of the attention among them.
        num_products_dense: How many these would have been without reuse.
    """

    num_frames: int = 0
    num_dense: int = 0
    num_products: int = 0
    num_products_dense: int = 0
    _blocks: list[BlockMemory] = field(default_factory=list[BlockMemory], repr=False)
    _patches: GatedLayer = field(default_factory=GatedLayer, repr=False)
    _embedded: Tensor | None = field(default=None, repr=False)
    _load: float = field(default=0.0, repr=False)
    _paused: int = field(default=0, repr=False)
    _next_pause: int = field(default=_FIRST_PAUSE, repr=False)

    def reset(self) -> None:
        """Forgets the picture, as at a cut; the counters stay."""
        self._blocks = []
        self._patches = GatedLayer()
        self._embedded = None

    @property
    def share(self) -> float:
        """Share of the work that was done; 1 before the first frame."""
        return self.num_products / self.num_products_dense if self.num_products_dense else 1.0

    @property
    def nbytes(self) -> int:
        """Bytes that are held."""
        layers = [self._patches]
        for block in self._blocks:
            layers += [block.qkv, block.projection, block.mlp]
        return sum(layer.nbytes for layer in layers)

    def count_whole(self, num_frames: int, num_products: int) -> None:
        """Counts pictures that the encoder computed whole.

        Args:
            num_frames: How many.
            num_products: Multiplications of one.
        """
        self.num_frames += num_frames
        self.num_dense += num_frames
        self.num_products += num_frames * num_products
        self.num_products_dense += num_frames * num_products
        self._paused = max(0, self._paused - num_frames)

    def count_changes(self, num_products: int, num_products_dense: int) -> None:
        """Counts a picture of which the changes were computed.

        Args:
            num_products: Multiplications done for it.
            num_products_dense: How many they would have been without reuse.
        """
        self.num_products += num_products
        self.num_products_dense += num_products_dense
        share = num_products / num_products_dense
        self._load += _NEWEST_WEIGHT * (share - self._load)

    def pause_if_worthless(self) -> None:
        """Leaves the next pictures to the plain encoder if the last ones saved too little."""
        if self._load > _MOST_WORK:
            self.reset()
            self._load = 0.0
            self._paused = self._next_pause
            self._next_pause = min(2 * self._next_pause, _LONGEST_PAUSE)
        elif self._load < _MOST_WORK / 2:
            self._next_pause = _FIRST_PAUSE
