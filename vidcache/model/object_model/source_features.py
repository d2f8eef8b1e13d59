"""The features of every source for some observations of a track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import InputError
from vidcache.model.object_model.motion_features import NUM_MOTION_FEATURES, motion_features
from vidcache.model.object_model.pose_features import NUM_POSE_FEATURES, pose_features
from vidcache.model.object_model.track_history import TrackHistory

__all__ = [
    "SOURCES",
    "Source",
    "SourceFeatures",
    "newest_features",
    "source_width",
    "track_features",
]

Source = Literal["motion", "pose", "region"]

SOURCES: tuple[str, ...] = get_args(Source)
"""What a row's tokens can be made of."""


@dataclass(frozen=True, eq=False)
class SourceFeatures:
    """Features of one source.

    Attributes:
        values: Shape (n, F), float32; 0 where there are none.
        present: Whether the source is there, shape (n,).
    """

    values: NDArray[np.float32]
    present: NDArray[np.bool_]


def track_features(
    history: TrackHistory, sources: Sequence[Source], region_features: int = 0
) -> dict[str, SourceFeatures]:
    """Computes the features of every observation of a track.

    Args:
        history: The track, all of it in the pixels of one picture.
        sources: Which sources.
        region_features: Length of a region's vector.

    Returns:
        Features by source, one row an observation: what the stream gives, an observation at a
        time, for a camera that stands still.
    """
    return _features(history, np.arange(len(history)), sources, region_features)


def newest_features(
    history: TrackHistory, sources: Sequence[Source], region_features: int = 0
) -> dict[str, SourceFeatures]:
    """Computes the features of the newest observation of a track.

    Args:
        history: The track, or its last second.
        sources: Which sources.
        region_features: Length of a region's vector.

    Returns:
        Features by source, of one row.
    """
    return _features(history, np.array([len(history) - 1]), sources, region_features)


def source_width(source: str, region_features: int) -> int:
    """Returns the number of features of a source.

    Args:
        source: Its name.
        region_features: Length of a region's vector.
    """
    widths = {"motion": NUM_MOTION_FEATURES, "pose": NUM_POSE_FEATURES}
    return widths.get(source, region_features)


def _features(
    history: TrackHistory, at: NDArray[np.int64], sources: Sequence[Source], region_features: int
) -> dict[str, SourceFeatures]:
    result: dict[str, SourceFeatures] = {}
    for source in sources:
        if source == "motion":
            values, present = motion_features(history, at), np.ones(len(at), np.bool_)
        elif source == "pose":
            values, present = pose_features(history, at)
        else:
            values, present = _region_features(history, at, region_features)
        values = np.where(present[:, None], values, 0.0)
        result[source] = SourceFeatures(values.astype(np.float32), present)
    return result


def _region_features(
    history: TrackHistory, at: NDArray[np.int64], width: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    regions = history.regions[at]
    if not regions.shape[1]:
        regions = np.full((len(at), width), np.nan)
    if regions.shape[1] != width:
        raise InputError(f"regions have {regions.shape[1]} features; this model takes {width}")
    present = np.isfinite(regions).sum(1) == width
    return np.nan_to_num(regions, nan=0.0), present
