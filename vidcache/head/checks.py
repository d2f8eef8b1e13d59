"""What a head refuses: inputs and states that do not fit it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vidcache.cache import HeadState
from vidcache.cache.chosen_rows import ChosenRows, chosen_rows
from vidcache.cache.saved_state import differences
from vidcache.errors import InputError, StateError
from vidcache.head.config import HeadConfig

__all__ = ["check_features", "check_rows", "check_seconds", "check_state"]


def check_features(features: Tensor, config: HeadConfig, weight: Tensor) -> Tensor:
    """Checks features and gives them their token axis.

    Args:
        features: (B, T, N, in_features), or (B, T, in_features) where a frame has one token;
            several tokens that are together as wide as the one token are joined into it.
        config: Settings of the head.
        weight: One of the head's weights, which shows its dtype and device.

    Returns:
        The features, (B, T, N, in_features).

    Raises:
        InputError: The shape, dtype or device does not fit, or there is no frame.
    """
    num_tokens, in_features = config.num_tokens, config.in_features
    if num_tokens == 1 and features.ndim == 4 and features.shape[2:].numel() == in_features:
        features = features.flatten(2)
    if num_tokens == 1 and features.ndim == 3:
        features = features[:, :, None]
    if features.ndim != 4 or features.shape[2:] != (num_tokens, in_features):
        short = " or (B, T, C)" if num_tokens == 1 else ""
        raise InputError(
            f"features have shape {tuple(features.shape)}: expected (B, T, N, C){short} "
            f"with N={num_tokens}, C={in_features}"
        )
    if 0 in features.shape:
        raise InputError(f"features {tuple(features.shape)} hold no frame: give at least one")
    same_type = features.dtype == weight.dtype or torch.is_autocast_enabled(weight.device.type)
    if features.device != weight.device or not same_type:
        raise InputError(
            f"features are {features.dtype} on {features.device}, the head is {weight.dtype} "
            f"on {weight.device}: move one to the other"
        )
    return features


def check_rows(
    rows: Sequence[int] | Tensor | None, features: Tensor, state: HeadState
) -> ChosenRows:
    """Finds the rows of a state that features belong to.

    Args:
        rows: The row of each stream, or None for all rows.
        features: The frames' features, (K, T, N, in_features).
        state: The state.

    Returns:
        The K rows.

    Raises:
        InputError: A row comes twice or does not exist, or there are more or fewer rows than
            streams.
        StateError: All rows are asked for, and the streams are more or fewer.
    """
    num_streams = len(features)
    if rows is None and state.batch_size != num_streams:
        raise StateError(
            f"features hold {num_streams} streams, the state {state.batch_size}: step all rows "
            "of a state together, or say with rows= which"
        )
    chosen = chosen_rows(rows, state.batch_size)
    if rows is not None and len(rows) != num_streams:
        raise InputError(
            f"features hold {num_streams} streams, rows names {len(rows)}: give one row a stream"
        )
    return chosen


def check_seconds(seconds: Tensor | None, features: Tensor, config: HeadConfig) -> Tensor | None:
    """Checks that the times of frames are there.

    Args:
        seconds: (B, T), or None.
        features: The frames' features, (B, T, N, in_features).
        config: Settings of the head.

    Returns:
        The times as float64 on the CPU, or None where there are none and none are needed.

    Raises:
        InputError: Times are missing, or of another shape.
    """
    if seconds is None:
        if config.needs_seconds:
            raise InputError(
                "this head counts seconds (positions or eviction): pass seconds=, shape (B, T)"
            )
        return None
    if seconds.shape != features.shape[:2]:
        raise InputError(
            f"seconds have shape {tuple(seconds.shape)}: expected (B, T) = "
            f"{tuple(features.shape[:2])}"
        )
    return seconds.detach().to(device="cpu", dtype=torch.float64)


def check_state(state: HeadState, config: HeadConfig, weight: Tensor) -> None:
    """Refuses a state that was made for other settings, another dtype or device.

    Args:
        state: The state.
        config: Settings of the head as they are now.
        weight: One of the head's weights.

    Raises:
        StateError: The state does not fit; the message says what changed.
    """
    if state.settings is not config and state.settings != config:
        changed = differences(state.settings.to_dict(), config.to_dict())
        raise StateError(
            f"the state was made with other settings ({changed}): make a new one with "
            "head.init_state"
        )
    if state.compute_dtype != weight.dtype or state.device != weight.device:
        raise StateError(
            f"the state was made by a head in {state.compute_dtype} on {state.device}, the "
            f"head is now {weight.dtype} on {weight.device}: make a new state"
        )
