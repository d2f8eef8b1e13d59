"""Settings of an action model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

from vidcache.errors import ConfigError
from vidcache.head import HeadConfig
from vidcache.model.config_checks import ModelSettings, check_labels, check_scores

__all__ = ["ActionModelConfig", "Activation", "EncoderSource", "Outputs"]

Activation = Literal["softmax", "sigmoid"]
EncoderSource = Literal["file", "external"]
Outputs = Literal["labels", "embedding"]


@dataclass(frozen=True)
class ActionModelConfig(ModelSettings):
    """Everything that makes an action model, except its weights.

    Args:
        encoder: Name of the encoder's ViT in timm.
        labels: Names of the actions, in the order of the head's outputs.
        head: Settings of the camera head. It has one output a label, and the encoder's tokens, or
            one token as wide as these together: then a frame's tokens are joined into one.
        image_size: Height and width that the encoder sees; None for the ViT's own.
        num_tokens: Tokens of a frame, as :class:`~vidcache.encoder.TokenLayout` reads them.
        fit: How a frame of another shape fits in: ``"crop"``, ``"pad"`` or ``"stretch"``.
        mean: Mean colour, 0 to 1; None for the ViT's own.
        std: Standard deviation of colour; None for the ViT's own.
        interpolation: How frames are resized; None for the ViT's own.
        crop_pct: Share of the short side that ``"crop"`` keeps; None for the ViT's own.
        model_args: Further arguments of the timm model.
        activation: How outputs become probabilities: ``"softmax"`` where one label at a time is
            shown, ``"sigmoid"`` where several may be, or none.
        temperature: What the head's outputs are divided by before the activation, so that the
            scores are probabilities that hold.
        threshold: Score below which no action is shown but ``unsure``.
        about: What the model was trained on and how it did, as plain values; shown by
            ``vidcache info``.
        encoder_source: Where the encoder's weights are: in the model's ``"file"``, or
            ``"external"``: the file holds the head alone, and they are found when it is loaded.
        encoder_fingerprint: What the external weights must have as their
            :func:`~vidcache.encoder.weights_fingerprint`; None takes any.
        encoder_package: A file of an installed package in which the external weights may lie, as
            ``"package/folder/file"``; None for none.
        outputs: What the head says: a number for each of ``"labels"``, or an ``"embedding"`` that
            is compared with those of the labels' texts
            (:class:`~vidcache.model.text_labels.TextLabels`). All labels but the first have one.
        text_scale: The :class:`~vidcache.model.text_labels.TextLabels` ``scale`` of that.
        text_bias: Its ``bias``.
        text_tower: The text tower whose embeddings the head knows; empty if nobody knows.

    Raises:
        ConfigError: A value is out of range, or values do not fit together.

    Example:
        >>> from vidcache import HeadConfig
        >>> from vidcache.model import ActionModelConfig
        >>> head = HeadConfig(in_features=192, width=128, depth=2, num_heads=4, num_iterations=2,
        ...                   num_outputs=3, num_tokens=17)
        >>> config = ActionModelConfig("vit_tiny_patch16_224", ("nobody", "stand", "walk"), head,
        ...                            image_size=(128, 128), num_tokens=17)
        >>> ActionModelConfig.from_dict(config.to_dict()) == config
        True
    """

    _tuples: ClassVar[tuple[str, ...]] = ("labels", "image_size", "mean", "std")

    encoder: str
    labels: tuple[str, ...]
    head: HeadConfig
    image_size: tuple[int, int] | None = None
    num_tokens: int = 1
    fit: Literal["crop", "pad", "stretch"] = "crop"
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    interpolation: Literal["bicubic", "bilinear", "nearest"] | None = None
    crop_pct: float | None = None
    model_args: dict[str, Any] = field(default_factory=dict[str, Any])
    activation: Activation = "softmax"
    temperature: float = 1.0
    threshold: float = 0.5
    about: dict[str, Any] = field(default_factory=dict[str, Any])
    encoder_source: EncoderSource = "file"
    encoder_fingerprint: str | None = None
    encoder_package: str | None = None
    outputs: Outputs = "labels"
    text_scale: float = 0.0
    text_bias: float = 0.0
    text_tower: str = ""

    def __post_init__(self) -> None:
        check_labels(self.labels, self.head.num_outputs if self.outputs == "labels" else None)
        if self.head.num_tokens not in (1, self.num_tokens):
            raise ConfigError(
                f"num_tokens is {self.num_tokens}, but head.num_tokens is "
                f"{self.head.num_tokens}: they must be equal, or the head's 1 (tokens are joined)"
            )
        choices_of = {
            "activation": Activation,
            "encoder_source": EncoderSource,
            "outputs": Outputs,
        }
        for name, choices in choices_of.items():
            if getattr(self, name) not in get_args(choices):
                known = " or ".join(map(repr, get_args(choices)))
                raise ConfigError(f"{name} is {getattr(self, name)!r}: use {known}")
        check_scores(self.temperature, self.threshold)
