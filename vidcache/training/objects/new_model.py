# pyright: basic
"""The model of people's actions that a training begins with."""

from collections.abc import Sequence
from typing import cast

import torch

from vidcache.cache import TimeWindow
from vidcache.head import HeadConfig
from vidcache.model.object_model import ObjectActionModel, ObjectModelConfig
from vidcache.model.object_model.source_features import Source

__all__ = ["begin_like", "new_object_model"]

# What belongs to the labels in a camera head.
_OF_OUTPUTS = ("head.empty_prediction", "head.embed_prediction.", "head.prediction_branch.fc2.")


def new_object_model(
    labels: Sequence[str],
    sources: Sequence[str] = ("motion", "pose"),
    *,
    region_features: int = 0,
    seed: int = 0,
) -> ObjectActionModel:
    """Build a small model with random weights.

    Args:
        labels: Names of the actions.
        sources: What a frame's tokens are made of.
        region_features: Width of the encoder's features, with the source ``"region"``.
        seed: Of the weights.

    Raises:
        ConfigError: Sources or labels are not allowed.

    Example:
        >>> new_object_model(("sit", "stand"), ("motion",)).sources
        ('motion',)
    """
    head = HeadConfig(
        in_features=64,
        width=64,
        depth=1,
        num_heads=4,
        num_iterations=2,
        num_outputs=len(labels),
        num_tokens=len(sources),
        eviction=TimeWindow(seconds=1.5, max_frames=64),
        positions="seconds",
        positions_per_second=10.0,
        layer_scale=0.3,
    )
    # A source that does not exist is refused there.
    chosen = cast(tuple[Source, ...], tuple(sources))
    config = ObjectModelConfig(tuple(labels), head, chosen, region_features)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ObjectActionModel(config)


def begin_like(model: ObjectActionModel, known: ObjectActionModel) -> int:
    """Give a model those weights of another one that fit it.

    Args:
        model: The model; it is changed.
        known: The other one. Where both have the same labels, it gives all it has; otherwise its
            outputs are left out.

    Returns:
        How many of the model's tensors were set.
    """
    mine, theirs = model.state_dict(), known.state_dict()
    fitting = {
        name: tensor
        for name, tensor in theirs.items()
        if name in mine and mine[name].shape == tensor.shape
    }
    if model.labels != known.labels:
        fitting = {name: t for name, t in fitting.items() if not name.startswith(_OF_OUTPUTS)}
    model.load_state_dict(mine | fitting)
    return len(fitting)
