"""How results are written and sent."""

from typing import Annotated

from pydantic import Field

from vidcache.config.section import Count, Name, Positive, Section

__all__ = ["OutputSettings"]


class OutputSettings(Section):
    """How results are written and sent.

    Attributes:
        rotate_mb: The file of JSON lines is put aside under a number when it is so large, in 10^6
            bytes; None for never.
        rotate_seconds: It is put aside when it covers so much video; None for never.
        segment_seconds: The annotated video comes in numbered segments of this length; None for
            one file.
        keep_files: How many parts or segments are kept at most; None for all.
        crf: Quality of the annotated video, 0 (lossless, huge) to 51 (worst).
        preset: Speed of its encoder, in the names of x264.
        buffer_results: How many results of a live source may wait for a slow file or pipe before
            they are left out.
        update_seconds: How often webhook and MQTT are told again of an action that goes on; None
            for never.
        send_timeout: Seconds without an answer after which a message to them has failed.
        webhook_headers: Headers sent to the webhook, such as ``Authorization``.
        spool: Folder in which messages wait while webhook or broker are away, each source's and
            kind's in a folder of its own; None for memory only.
        spool_mb: How much room each of these takes at most, in 10^6 bytes.
    """

    rotate_mb: Positive | None = None
    rotate_seconds: Positive | None = None
    segment_seconds: Positive | None = None
    keep_files: Count | None = None
    crf: Annotated[int, Field(ge=0, le=51)] = 23
    preset: Name = "veryfast"
    buffer_results: Count = 1000
    update_seconds: Positive | None = None
    send_timeout: Positive = 5.0
    webhook_headers: dict[str, str] | None = None
    spool: Annotated[str, Field(min_length=1)] | None = None
    spool_mb: Positive = 50.0
