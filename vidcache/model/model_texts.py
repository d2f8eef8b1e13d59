"""What an action model keeps of the texts that its labels are: settings, and one tensor."""

from dataclasses import replace

import torch
from torch import Tensor

from vidcache.errors import ConfigError
from vidcache.model.config import ActionModelConfig
from vidcache.model.text_labels import TextLabels

__all__ = ["label_by_texts", "take_texts", "text_tensors"]

_EMBEDDINGS = "text_labels.embeddings"


def label_by_texts(config: ActionModelConfig, texts: TextLabels) -> ActionModelConfig:
    """Gives the settings of a model whose head predicts embeddings other labels.

    Args:
        config: The settings. Their first label, which stands for none of the texts, stays.
        texts: The other labels.

    Raises:
        ConfigError: The head does not predict embeddings, or not such ones, or a label would stand
            twice.
    """
    if config.outputs != "embedding":
        raise ConfigError(
            f"the model's head says the labels {', '.join(config.labels)} and no others: to choose "
            "labels by text, give a model that was trained with --text-labels"
        )
    if texts.width != config.head.num_outputs:
        raise ConfigError(
            f"the text labels are {texts.width} wide, but the head predicts embeddings of "
            f"{config.head.num_outputs}: make them with {config.text_tower or 'the same'} text "
            "tower"
        )
    if texts.tower and config.text_tower and texts.tower != config.text_tower:
        raise ConfigError(
            f"the text labels were made by {texts.tower}, but the head was trained towards "
            f"{config.text_tower}: make them with that"
        )
    none = config.labels[0]
    if none in texts.names:
        raise ConfigError(
            f"a text label is called {none!r}, which is what the model calls none of them: leave "
            "it out"
        )
    return replace(
        config,
        labels=(none, *texts.names),
        activation=texts.activation,
        text_scale=texts.scale,
        text_bias=texts.bias,
        text_tower=texts.tower or config.text_tower,
    )


def text_tensors(texts: TextLabels | None) -> dict[str, Tensor]:
    """What a model's file holds of its texts, by name; nothing where there are none."""
    return {} if texts is None else {_EMBEDDINGS: torch.as_tensor(texts.embeddings)}


def take_texts(config: ActionModelConfig, tensors: dict[str, Tensor]) -> TextLabels | None:
    """Takes the texts out of what a model's file holds.

    Args:
        config: The model's settings.
        tensors: What the file holds, by name; the embeddings are removed from it.

    Returns:
        The texts; None where the model has none.

    Raises:
        ConfigError: The file holds embeddings of other labels than its settings name.
    """
    embeddings = tensors.pop(_EMBEDDINGS, None)
    if embeddings is None:
        return None
    # Files are in half precision, which is a little longer or shorter than 1.
    return TextLabels.from_prompts(
        config.labels[1:],
        list(embeddings.float().numpy()),
        scale=config.text_scale,
        bias=config.text_bias,
        activation=config.activation,
        tower=config.text_tower,
    )
