"""How live sources are kept going, and what becomes of frames that come too fast or too late."""

from typing import Annotated, Literal

from pydantic import Field

from vidcache.config.section import Count, Positive, Score, Seconds, Section

__all__ = ["LiveSettings", "ReconnectSettings"]


class ReconnectSettings(Section):
    """How a live source that failed is taken up again.

    Attributes:
        first_delay: Seconds before the first new attempt.
        factor: How many times longer each further wait is.
        max_delay: Seconds that a wait lasts at most; refusals (401, 403, 404) wait so long at once.
        jitter: Share by which each wait is made longer or shorter at random.
        max_attempts: Failures in a row after which the source is given up; None for never.
        reset_seconds: How long it must have given pictures for the waits to be short again.
    """

    first_delay: Seconds = 1.0
    factor: Annotated[float, Field(ge=1.0, allow_inf_nan=False)] = 2.0
    max_delay: Seconds = 30.0
    jitter: Score = 0.2
    max_attempts: Count | None = None
    reset_seconds: Seconds = 10.0


class LiveSettings(Section):
    """How live sources are kept going, and what becomes of frames that come too fast or too late.

    Attributes:
        when_full: What happens to a frame that comes while the buffer is full: ``oldest`` drops
            the one that has waited longest, ``latest`` the one that came, ``block`` makes the
            decoder wait; ``auto`` is ``oldest``. Files always wait, and lose nothing.
        max_latency: Age in seconds at which a frame of a live source is dropped; None for any;
            ``auto`` is 3 s, and any for HLS and where ``block`` is asked for.
        reconnect: How a source that failed is taken up again; None ends it with an error.
        stall_seconds: Time without a picture after which a source counts as stalled.
        wait: Whether a live source that is watched alone may be down at the start. Of several
            each may.
        settle_seconds: How long blank and repeated pictures after a reconnect are kept out of the
            memory at most.
    """

    when_full: Literal["auto", "block", "latest", "oldest"] = "auto"
    max_latency: Positive | Literal["auto"] | None = "auto"
    reconnect: ReconnectSettings | None = ReconnectSettings()
    stall_seconds: Positive = 5.0
    wait: bool = False
    settle_seconds: Seconds = 5.0
