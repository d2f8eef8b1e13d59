"""What a setting of the head costs, known before anything is allocated."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from vidcache.cache import EvictionPolicy
from vidcache.cache.eviction.resizing import largest_policy
from vidcache.errors import ConfigError
from vidcache.head.config import HeadConfig

__all__ = ["Plan", "plan"]


@dataclass(frozen=True)
class Plan:
    """Bytes and arithmetic of streams in a head.

    Attributes:
        eviction: Which frames are remembered.
        num_streams: Streams B.
        num_slots: Slots S of a stream: the policy's capacity and the rollback margin.
        nbytes_frame: Bytes of one frame's keys and values, in all lanes.
        nbytes_stream: Bytes of one stream's cache.
        nbytes: Bytes of all streams; ``state.nbytes`` of a dense state, exactly.
        flops_projections: FLOPs of the linear layers, for a frame stepped alone. A product of
            matrices m×k and k×n counts 2·m·k·n, as usual; norms and the like are left out.
        flops_attention: FLOPs of the attention to all slots, and of gathering its scores where
            the policy asks for them.
        budget_bytes: The budget that was given, or None.
        largest: The policy with the largest window (or ``budget``, or ``max_frames``) with which
            all streams fit the budget; None without a budget, if not even the smallest one fits,
            or if the policy has no such setting.
    """

    eviction: EvictionPolicy
    num_streams: int
    num_slots: int
    nbytes_frame: int
    nbytes_stream: int
    nbytes: int
    flops_projections: int
    flops_attention: int
    budget_bytes: int | None
    largest: EvictionPolicy | None

    @property
    def flops(self) -> int:
        """FLOPs of a frame stepped alone."""
        return self.flops_projections + self.flops_attention

    @property
    def fits(self) -> bool:
        """Whether all streams fit the budget; true where there is none."""
        return self.budget_bytes is None or self.nbytes <= self.budget_bytes


def plan(
    config: HeadConfig,
    streams: int = 1,
    *,
    dtype: torch.dtype = torch.float32,
    key_format: str | None = None,
    value_format: str | None = None,
    budget_bytes: int | None = None,
) -> Plan:
    """Says what a setting costs, and how far a budget reaches; nothing is allocated.

    Args:
        config: Settings of the head.
        streams: Number of streams.
        dtype: What keys and values are stored in where no format is given.
        key_format: Storage format of the keys, such as ``"int8"``.
        value_format: Storage format of the values.
        budget_bytes: Bytes that all streams together may take.

    Returns:
        The plan.

    Raises:
        ConfigError: A number is out of range, or there is no such format.

    Example:
        >>> from vidcache import HeadConfig, SinkWindow, plan
        >>> config = HeadConfig(in_features=384, width=384, depth=4, num_heads=6, num_iterations=4,
        ...     num_outputs=16, eviction=SinkWindow(window=64, sink_frames=1))
        >>> costs = plan(config, streams=8, budget_bytes=64 << 20)
        >>> costs.nbytes, costs.fits, costs.flops
        (28704768, True, 62619648)
        >>> costs.largest
        SinkWindow(window=161, sink_frames=1)
    """
    if streams < 1 or (budget_bytes is not None and budget_bytes < 0):
        raise ConfigError(f"streams={streams}, budget_bytes={budget_bytes}: give at least 1 and 0")

    slots = config.cache_layout.num_slots
    nbytes = config.predict_nbytes(streams, dtype, key_format=key_format, value_format=value_format)
    nbytes_frame = nbytes // (streams * slots)
    largest = None
    if budget_bytes is not None:
        affordable = budget_bytes // (streams * nbytes_frame) - config.rollback_margin
        largest = largest_policy(config.eviction, affordable)
    return Plan(
        eviction=config.eviction,
        num_streams=streams,
        num_slots=slots,
        nbytes_frame=nbytes_frame,
        nbytes_stream=nbytes // streams,
        nbytes=nbytes,
        flops_projections=_projections(config),
        flops_attention=_attention(config),
        budget_bytes=budget_bytes,
        largest=largest,
    )


def _projections(config: HeadConfig) -> int:
    width, outputs, tokens = config.width, config.num_outputs, config.num_tokens
    hidden = int(config.mlp_ratio * width)
    block = tokens * width * (3 * width + width + 2 * hidden)
    modulation = outputs * width + width * 3 * width
    readout = width * (width // 2) + (width // 2) * outputs
    once = 0 if config.in_features == width else tokens * config.in_features * width
    return 2 * (once + config.num_iterations * (modulation + config.depth * block + readout))


def _attention(config: HeadConfig) -> int:
    # One product with the keys, and one of the same size with the values.
    product = 2 * config.num_tokens * config.cache_layout.num_slots * config.num_tokens
    product *= config.width
    scored = config.eviction.scored
    gathered = config.depth if scored is not None and scored.gathers == "attention" else 0
    return product * (2 * config.num_iterations * config.depth + gathered)
