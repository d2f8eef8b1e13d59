"""How the encoder saves work."""

from typing import Annotated

from pydantic import Field

from vidcache.config.section import Count, Positive, Section

__all__ = ["REFRESH_EVERY", "REUSE_GATE", "EncoderSettings", "FeatureCacheSettings"]

REUSE_GATE = 0.12
"""The gate of ``--reuse``."""

REFRESH_EVERY = 32
"""Frames within which token reuse computes everything again, if nothing else is said."""


class FeatureCacheSettings(Section):
    """What is kept of pictures that were encoded, so that they are not encoded again.

    Attributes:
        memory_mb: Budget of the memory tier, in 10^6 bytes; 0 for none.
        folder: Folder of the disk tier, which later runs and other processes share; None for none.
        disk_gb: How large that folder may grow, in 10^9 bytes.
        near_duplicate: Mean difference in grey levels of 0 to 255 up to which a picture takes the
            features of one that looks almost alike; None for equal pictures only.
    """

    memory_mb: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 32.0
    folder: Annotated[str, Field(min_length=1)] | None = None
    disk_gb: Positive = 4.0
    near_duplicate: Annotated[float, Field(gt=0.0, le=255.0, allow_inf_nan=False)] | None = None


class EncoderSettings(Section):
    """How the encoder saves work.

    Attributes:
        reuse: Relative change from which a token of the picture is computed again; 0 computes all
            of them, exactly as without; None reuses none. For a still camera, 0.12.
        refresh_every: Frames within which every token is computed again at least once.
        cache: What is kept of pictures that were encoded. Token reuse makes features that depend
            on the pictures before, of which none are kept.
    """

    reuse: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] | None = None
    refresh_every: Count = REFRESH_EVERY
    cache: FeatureCacheSettings = FeatureCacheSettings()
