"""The action model: encoder, camera head and labels, in one file."""

from vidcache.model.action_model import ActionModel
from vidcache.model.config import ActionModelConfig
from vidcache.model.text_labels import TextLabels

__all__ = ["ActionModel", "ActionModelConfig", "TextLabels"]
