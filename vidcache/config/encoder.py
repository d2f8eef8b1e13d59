"""How the encoder saves work."""

from typing import Annotated

from pydantic import Field

from vidcache.config.section import Count, Section

__all__ = ["REFRESH_EVERY", "REUSE_GATE", "EncoderSettings"]

REUSE_GATE = 0.1
"""The gate of ``--reuse``."""

REFRESH_EVERY = 64
"""Frames within which token reuse computes everything again, if nothing else is said."""


class EncoderSettings(Section):
    """How the encoder saves work.

    Attributes:
        reuse: Relative change from which a token of the picture is computed again; 0 computes all
            of them, exactly as without; None reuses none. For a still camera, 0.1.
        refresh_every: Frames within which every token is computed again at least once.
    """

    reuse: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] | None = None
    refresh_every: Count = REFRESH_EVERY
