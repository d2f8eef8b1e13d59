"""The first record of a run's results."""

from typing import Any

from vidcache.config import Config
from vidcache.model import ActionModel
from vidcache.pipeline.object_models import ObjectModels
from vidcache.tracking import Tracker
from vidcache.video import Source

__all__ = ["header_record"]


def header_record(
    source: Source,
    model: ActionModel | None,
    tracker: Tracker | None,
    objects: ObjectModels | None = None,
    *,
    config: Config,
) -> dict[str, Any]:
    """The fields of the ``header`` record of the JSONL schema.

    Args:
        source: The open source; its credentials stay hidden.
        model: The action model, or None.
        tracker: The tracker, or None.
        objects: What labels objects, or None. Without an action model, its labels and its memory
            are those of the run.
        config: The settings of the run.
    """
    main = objects.model if model is None and objects is not None else model
    assert main is not None, "a pipeline has a model"
    head = main.head.config
    record = {
        "source": source.uri,
        "live": source.is_live,
        "size": list(source.size) if source.known else None,
        "frame_rate": source.frame_rate if source.known else None,
        "duration": source.duration_seconds if source.known else None,
        "model": "none" if model is None else config.model,
        "labels": list(main.labels),
        "threshold": main.threshold if config.threshold is None else config.threshold,
        "detector": tracker.description if tracker is not None else "none",
        "cache": {
            "scope": head.cache_scope,
            "iterations": head.num_iterations,
            "depth": head.depth,
            "eviction": head.to_dict()["eviction"],
            "nbytes": head.predict_nbytes(batch_size=1),
        },
    }
    if objects is not None:
        record["object_model"] = config.objects.model
        record["object_labels"] = list(objects.model.labels)
    return record
