"""What a frame costs, from what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["MODES", "FrameCost", "Mode"]

_STAGES = ("encode", "head", "detect", "track")


@dataclass(frozen=True)
class Mode:
    """How a camera is watched.

    Attributes:
        name: In words.
        reuse: Whether the encoder computes only what changed.
        sparse: Whether the detector looks at some frames only.
    """

    name: str
    reuse: bool = False
    sparse: bool = False


MODES = (
    Mode("dense"),
    Mode("reuse", reuse=True),
    Mode("detector sparse", sparse=True),
    Mode("reuse, detector sparse", reuse=True, sparse=True),
)


@dataclass(frozen=True)
class FrameCost:
    """Milliseconds of one processor for a frame, and what belongs to it.

    Attributes:
        read: Reading and decoding.
        encode: The encoder; so the other stages.
        head: The head.
        detect: The detector.
        track: The tracker.
        encode_flops: Arithmetic of the encoder for a frame, all patches.
        head_flops: Arithmetic of the head.
    """

    read: float
    encode: float
    head: float
    detect: float
    track: float
    encode_flops: int
    head_flops: int

    @property
    def total(self) -> float:
        """All of it."""
        return self.read + self.encode + self.head + self.detect + self.track

    @property
    def flops_a_second(self) -> float:
        """Arithmetic that one processor did in the encoder in a second."""
        return 1000 * self.encode_flops / self.encode

    def sparse(self, every: int) -> "FrameCost":
        """The cost where the detector looks at one frame of so many."""
        return replace(self, detect=self.detect / every)

    @classmethod
    def measured(cls, cameras: Mapping[str, Any], *, reuse: bool = False) -> "FrameCost":
        """Reads the cost at the largest number of cameras, where the program is busy.

        Args:
            cameras: ``cameras`` in the figures of ``vidcache bench scale``.
            reuse: Whether to read that of token reuse.

        Raises:
            ValueError: It was not measured.
        """
        rows = [row for row in cameras["points"] if row["reuse"] == reuse]
        if not rows:
            raise ValueError("the figures are without token reuse: measure with --reuse")
        row = max(rows, key=lambda one: one["cameras"])
        read = cameras["read_cpu_ms"]
        stages = {name: row["stages_ms"].get(name, 0.0) for name in _STAGES}
        # Frames that were dropped were read as well.
        left = row["cpu_ms_a_frame"] - read / row["shown_share"]
        scale = left / sum(stages.values())
        return cls(
            read=read,
            **{name: scale * ms for name, ms in stages.items()},
            encode_flops=cameras["flops"]["encode"],
            head_flops=cameras["flops"]["head"],
        )
