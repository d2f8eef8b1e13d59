"""What a cache says about itself."""

from dataclasses import asdict, dataclass
from typing import Any

from vidcache.cache.archive import ArchiveStats

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
        evicted_by: How many of them left for which reason: ``"reach"``, because the policy reaches
            no further, or ``"score"``, because it let them go.
        exact: Whether the outputs so far equal those of the whole clip.
        inexact_since: First frame of each row for which they do not, or None.
        archive: Figures of the archive, or None where there is none.
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
    evicted_by: dict[str, int]
    exact: bool
    inexact_since: tuple[int | None, ...]
    archive: ArchiveStats | None = None

    @property
    def nbytes_by_tier(self) -> dict[str, int]:
        """Bytes of the slots, of the archive in host memory, and of the archive on disk."""
        archive = self.archive
        return {
            "slots": self.nbytes,
            "host": 0 if archive is None else archive.host_nbytes,
            "disk": 0 if archive is None else archive.disk_nbytes,
        }

    def to_dict(self) -> dict[str, Any]:
        """Returns the figures as plain values, for JSON."""
        return {**asdict(self), "nbytes_by_tier": self.nbytes_by_tier}
