"""What an archive says about itself."""

from dataclasses import dataclass

__all__ = ["ArchiveStats"]


@dataclass(frozen=True)
class ArchiveStats:
    """Figures of a state's archive, over all its rows.

    What was archived is counted since the last reset of a row, the rest since the archive was
    made. A block is looked up in each lane, and counts as found in each.

    Attributes:
        appended: Frames that left the slots and were archived.
        host_blocks: Blocks now in host memory.
        disk_blocks: Blocks now on disk.
        host_nbytes: Bytes of host memory in use: blocks there, summaries, blocks that are being
            filled, and what is read ahead at most.
        disk_nbytes: Bytes of the blocks on disk.
        demoted: Blocks that went from host memory to disk.
        dropped: Blocks that were forgotten, because the budgets were used up or the disk failed.
        host_hits: Blocks found in host memory.
        disk_hits: Blocks found on disk.
        read_ahead_hits: How many of those had been read ahead.
        misses: Look-ups, in a row and lane, when no block was sealed yet.
        retrieved_frames: Frames that were attended because they were found, over all lanes.
        look_up_seconds: Time spent with finding blocks and reading them.
        disk_error: Why the disk is used no more, or None.
    """

    appended: int
    host_blocks: int
    disk_blocks: int
    host_nbytes: int
    disk_nbytes: int
    demoted: int
    dropped: int
    host_hits: int
    disk_hits: int
    read_ahead_hits: int
    misses: int
    retrieved_frames: int
    look_up_seconds: float
    disk_error: str | None
