"""The first record of a run's results."""

from typing import Any

from vidcache.config import Config
from vidcache.model import ActionModel
from vidcache.tracking import Tracker
from vidcache.video import Source

__all__ = ["header_record"]


def header_record(
    source: Source, model: ActionModel, tracker: Tracker | None, *, config: Config
) -> dict[str, Any]:
    """The fields of the ``header`` record of the JSONL schema.

    Args:
        source: The open source; its credentials stay hidden.
        model: The action model.
        tracker: The tracker, or None.
        config: The settings of the run.
    """
    head = model.head.config
    return {
        "source": source.uri,
        "live": source.is_live,
        "size": list(source.size) if source.known else None,
        "frame_rate": source.frame_rate if source.known else None,
        "duration": source.duration_seconds if source.known else None,
        "model": config.model,
        "labels": list(model.labels),
        "threshold": model.threshold if config.threshold is None else config.threshold,
        "detector": tracker.description if tracker is not None else "none",
        "cache": {
            "scope": head.cache_scope,
            "iterations": head.num_iterations,
            "depth": head.depth,
            "eviction": head.to_dict()["eviction"],
            "nbytes": head.predict_nbytes(batch_size=1),
        },
    }
