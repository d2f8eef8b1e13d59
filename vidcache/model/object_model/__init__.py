"""The model of objects' actions: a label for every tracked person."""

from vidcache.model.object_model.config import ObjectModelConfig
from vidcache.model.object_model.object_action_model import ObjectActionModel
from vidcache.model.object_model.object_model_file import (
    find_bundled_object_models,
    find_object_model,
    read_object_config,
)
from vidcache.model.object_model.track_history import TrackHistory
from vidcache.model.object_model.track_memory import TrackMemory

__all__ = [
    "ObjectActionModel",
    "ObjectModelConfig",
    "TrackHistory",
    "TrackMemory",
    "find_bundled_object_models",
    "find_object_model",
    "read_object_config",
]
