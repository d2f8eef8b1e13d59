# pyright: basic
"""A file of labelled tracks, so that videos are followed once for a training."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from vidcache.errors import ModelError
from vidcache.model.object_model import TrackHistory
from vidcache.training.objects.tracks import LabelledTrack

__all__ = ["read_tracks", "write_tracks"]

_PARTS = ("seconds", "boxes_xyxy", "keypoints", "regions", "labels")


def write_tracks(
    path: Path, tracks: Mapping[str, LabelledTrack], made_from: Mapping[str, Any]
) -> None:
    """Write tracks to a file that is replaced whole or not at all.

    Args:
        path: The file.
        tracks: The tracks by name.
        made_from: What they follow from, as plain values.

    Raises:
        ModelError: The file cannot be written.
    """
    arrays: dict[str, Any] = {
        "about": np.array(json.dumps({"names": list(tracks), "made from": made_from}))
    }
    for number, track in enumerate(tracks.values()):
        values = (*vars(track.history).values(), track.labels)
        arrays |= {f"{part} {number}": v for part, v in zip(_PARTS, values, strict=True)}
    unfinished = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            np.savez_compressed(file, **arrays)
        unfinished.replace(path)
    except OSError as error:
        raise ModelError(f"cannot write the tracks to {path}: {error.strerror or error}") from error


def read_tracks(path: Path, made_from: Mapping[str, Any]) -> dict[str, LabelledTrack] | None:
    """Read what `write_tracks` wrote.

    Args:
        path: The file.
        made_from: What the tracks must follow from.

    Returns:
        The tracks by name; None where there is no such file, or it was made from other things.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            about = json.loads(str(arrays["about"]))
            if about["made from"] != json.loads(json.dumps(made_from)):
                return None
            tracks = {}
            for number, name in enumerate(about["names"]):
                *history, labels = (arrays[f"{part} {number}"] for part in _PARTS)
                tracks[name] = LabelledTrack(TrackHistory(*history), labels)
            return tracks
    except (OSError, KeyError, ValueError, BadZipFile):
        return None
