"""What a cache says about itself."""

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["CacheStats"]


@dataclass(frozen=True)
class CacheStats:
    """Figures of a state's cache, over all its rows.

    Attributes:
        nbytes: Bytes of keys and values, allocated once.
        policy: The eviction policy with its settings.
        num_rows: Streams in the state.
        num_lanes: Lanes that keep a history.
        num_slots: Slots of a stream.
        num_cached: Frames now held, over all rows.
        occupancy: Share of the policy's capacity that is in use, 0 to 1.
        appended: Frames committed so far (since the last reset of their row).
        evicted: Frames that left since then.
        exact: Whether the outputs so far equal those of the whole clip.
        inexact_since: First frame of each row for which they do not, or None.
    """

    nbytes: int
    policy: dict[str, Any]
    num_rows: int
    num_lanes: int
    num_slots: int
    num_cached: int
    occupancy: float
    appended: int
    evicted: int
    exact: bool
    inexact_since: tuple[int | None, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the figures as plain values, for JSON."""
        return asdict(self)
