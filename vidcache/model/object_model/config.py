"""Settings of a model of objects' actions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from vidcache.errors import ConfigError
from vidcache.head import HeadConfig
from vidcache.model.config_checks import ModelSettings, check_labels, check_scores
from vidcache.model.object_model.source_features import SOURCES, Source

__all__ = ["ObjectModelConfig"]


@dataclass(frozen=True)
class ObjectModelConfig(ModelSettings):
    """Everything that makes a model of objects' actions, except its weights.

    Args:
        labels: Names of the actions, in the order of the head's outputs.
        head: Settings of the camera head. It has one output a label and one token a source.
        sources: What a frame's tokens are made of, one token each: ``"motion"`` (how the box
            moves), ``"pose"`` (keypoints and their velocities), ``"region"`` (the picture's
            features under the box), in any mix.
        region_features: Length of a region's vector; 0 without regions.
        hidden: Width of the hidden layer of each source's small network.
        temperature: What the head's outputs are divided by before the softmax, so that the
            scores are probabilities that hold.
        threshold: Score below which no action is shown but ``unsure``.
        about: What the model was trained on and how it did, as plain values.

    Raises:
        ConfigError: A value is out of range, or values do not fit together.

    Example:
        >>> from vidcache import HeadConfig
        >>> from vidcache.model.object_model import ObjectModelConfig
        >>> head = HeadConfig(in_features=64, width=64, depth=1, num_heads=4, num_iterations=2,
        ...                   num_outputs=3, num_tokens=2)
        >>> config = ObjectModelConfig(("stand", "walk", "run"), head, ("motion", "pose"))
        >>> ObjectModelConfig.from_dict(config.to_dict()) == config
        True
    """

    _noun: ClassVar[str] = "object model"
    _tuples: ClassVar[tuple[str, ...]] = ("labels", "sources")

    labels: tuple[str, ...]
    head: HeadConfig
    sources: tuple[Source, ...] = ("motion", "pose")
    region_features: int = 0
    hidden: int = 128
    temperature: float = 1.0
    threshold: float = 0.5
    about: dict[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        check_labels(self.labels, self.head.num_outputs)
        unknown = [source for source in self.sources if source not in SOURCES]
        if unknown or not self.sources or len(set(self.sources)) != len(self.sources):
            raise ConfigError(f"sources are {self.sources}: give some of {SOURCES}, each once")
        if len(self.sources) != self.head.num_tokens:
            raise ConfigError(
                f"{len(self.sources)} sources make as many tokens a frame, but head.num_tokens is "
                f"{self.head.num_tokens}: they must be equal"
            )
        if ("region" in self.sources) != (self.region_features > 0):
            raise ConfigError(
                f"region_features is {self.region_features} with sources {self.sources}: give the "
                "length of a region's vector with the source region, and 0 without it"
            )
        if self.hidden < 1:
            raise ConfigError(f"hidden is {self.hidden}: give at least 1")
        check_scores(self.temperature, self.threshold)
