"""How a source is doing."""

from dataclasses import dataclass
from enum import Enum

__all__ = ["SourceState", "SourceStatus"]


class SourceState(str, Enum):
    """What a source is doing at the moment."""

    CONNECTING = "connecting"
    """It is being opened; no picture has come yet."""
    LIVE = "live"
    """Pictures come."""
    STALLED = "stalled"
    """It is open, but pictures have stopped coming."""
    BACKOFF = "backoff"
    """It failed, and waits before it is tried again."""
    ENDED = "ended"
    """No more pictures come."""


@dataclass(frozen=True)
class SourceStatus:
    """How a source is doing.

    Attributes:
        state: What it is doing.
        since: Wall-clock time at which that began, seconds since the epoch.
        detail: The last cause of trouble in words for people, credentials hidden; empty if there
            was none.
        num_reconnects: How often it was lost and came back.
        num_attempts: Attempts to open it since it last gave pictures; 0 while it gives them.
        retry_seconds: In `BACKOFF`, how long it waits in all before the next attempt; else None.
    """

    state: SourceState
    since: float
    detail: str = ""
    num_reconnects: int = 0
    num_attempts: int = 0
    retry_seconds: float | None = None
