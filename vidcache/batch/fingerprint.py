"""Telling whether a file, a model or a setting is the one that results were made with."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from vidcache.batch.jobs import Identity
from vidcache.config import Config
from vidcache.encoder.features import hash_file
from vidcache.model.model_file import find_model as find_action_model
from vidcache.model.object_model import find_object_model
from vidcache.tracking.model_files import find_model as find_detector
from vidcache.video.sinks.jsonl import SCHEMA_VERSION

__all__ = ["hash_file", "identify", "settings_fingerprint"]

_DIGEST_BYTES = 20
# What a file's results do not depend on, or (device) by rounding only. Whatever is not named
# here counts: a setting too many costs work, one too few would leave stale results.
_WITHOUT_EFFECT = frozenset(
    {"source", "sources", "at_once", "batch_wait", "live", "device", "show", "metrics", "outputs"}
    | {"jsonl", "video", "mot", "csv", "parquet", "webvtt", "webhook", "mqtt"}
    | {"prefix_cache", "prefix_cache_gb"}
)


def identify(path: str | os.PathLike[str]) -> Identity:
    """Tells a file from a changed one without reading it.

    Raises:
        OSError: If there is no such file.
    """
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def settings_fingerprint(config: Config) -> str:
    """A hash of everything but the video that results depend on: models, settings, schema.

    Models count by their content, wherever they lie; so does a tracker's settings file.

    Args:
        config: The settings; models that are ``auto`` must have been decided.

    Raises:
        ModelError: If a model cannot be found.
    """
    values: dict[str, Any] = config.model_dump(mode="json", exclude=set(_WITHOUT_EFFECT))
    values["schema"] = SCHEMA_VERSION
    # Of a cache only what makes its features others than the encoder's counts.
    cache = values["encoder"].pop("cache")
    if cache["near_duplicate"] is not None:
        values["encoder"]["near_duplicate"] = cache["near_duplicate"]
    values["model"] = _hash_model(find_action_model(config.model))
    if config.encoder_weights is not None:
        values["encoder_weights"] = _content_or_name(config.encoder_weights)
    if config.labels is not None:
        values["labels"] = _content_or_name(config.labels)
    if config.detector == "none":
        values = {key: value for key, value in values.items() if key not in ("tracker", "track")}
    else:
        values["detector"] = _hash_model(find_detector(config.detector).path)
        values["tracker"] = _content_or_name(config.tracker)
        if isinstance(config.track.settings, str):
            values["track"]["settings"] = _content_or_name(config.track.settings)
    if config.actions == "frame":
        values = {key: value for key, value in values.items() if key not in ("actions", "objects")}
    else:
        values["objects"]["model"] = _hash_model(find_object_model(config.objects.model))
        if config.objects.pose not in ("auto", "none"):
            values["objects"]["pose"] = _hash_model(find_detector(config.objects.pose).path)
    text = json.dumps(values, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _hash_model(path: Path) -> str:
    """Hash of a model: a file, or all files of an exported folder."""
    if path.is_file():
        return hash_file(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    parts = [f"{file.relative_to(path).as_posix()}:{hash_file(file)}" for file in files]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _content_or_name(text: str) -> str:
    path = Path(text)
    return hash_file(path) if path.is_file() else text
