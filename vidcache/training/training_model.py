# pyright: basic
"""The model that a training begins with: an encoder, the labels, and a new head."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from vidcache.cache import EvictionPolicy, SinkWindow, SlidingWindow, TimeWindow
from vidcache.encoder import FrameEncoder
from vidcache.errors import ConfigError
from vidcache.head import HeadConfig
from vidcache.model import ActionModel, ActionModelConfig, TextLabels
from vidcache.training.learning.parts import make_head
from vidcache.training.train_settings import HeadSettings, TrainSettings

__all__ = ["choose_texts", "head_config", "model_of_encoder", "model_on_model"]

# Positions of a head that counts seconds are tenths of them: what the base of its waves counts.
_POSITIONS_PER_SECOND = 10.0


def head_config(
    settings: HeadSettings, *, num_tokens: int, num_features: int, num_outputs: int
) -> HeadConfig:
    """Return the settings of a head for an encoder's tokens.

    Args:
        settings: What the head is like.
        num_tokens: Tokens of a frame.
        num_features: Their width.
        num_outputs: Length of what it predicts.

    Raises:
        ConfigError: Settings do not fit together.
    """
    joined = settings.join_tokens
    return HeadConfig(
        in_features=num_tokens * num_features if joined else num_features,
        width=settings.width,
        depth=settings.depth,
        num_heads=settings.num_heads,
        num_iterations=settings.num_iterations,
        num_outputs=num_outputs,
        num_tokens=1 if joined else num_tokens,
        eviction=_policy(settings),
        cache_scope=settings.cache_scope,
        positions=settings.positions,
        positions_per_second=_POSITIONS_PER_SECOND,
        rotary_base=settings.rotary_base,
        layer_scale=settings.layer_scale,
    )


def model_on_model(
    base: ActionModel,
    labels: Sequence[str],
    settings: TrainSettings,
    *,
    multi_label: bool,
    texts: TextLabels | None = None,
) -> ActionModel:
    """Return a model with another's encoder, new labels and a new head.

    Args:
        base: The model whose encoder is taken; it is not changed.
        labels: The labels, the background first.
        settings: What the head is like, and the seed of its weights.
        multi_label: Whether a frame may show several labels at once.
        texts: The labels' texts, for a head that predicts embeddings; see `choose_texts`.
    """
    head = head_config(
        settings.head,
        num_tokens=base.config.num_tokens,
        num_features=base.encoder.num_features,
        num_outputs=len(labels) if texts is None else texts.width,
    )
    config = replace(
        base.config,
        labels=tuple(labels),
        head=head,
        activation="sigmoid" if multi_label else "softmax",
        outputs="labels" if texts is None else "embedding",
        temperature=1.0,
        threshold=0.5,
        about={},
    )
    model = ActionModel(config, encoder_weights=base.encoder.vit.state_dict())
    return _begin(model, settings.seed, texts)


def model_of_encoder(
    name: str,
    weights: str | os.PathLike[str] | None,
    labels: Sequence[str],
    settings: TrainSettings,
    *,
    multi_label: bool,
    image_size: tuple[int, int] | None = None,
    fit: Literal["crop", "pad", "stretch"] = "crop",
    num_tokens: int = 17,
    texts: TextLabels | None = None,
) -> ActionModel:
    """Return a model with an encoder of timm and a new head.

    Args:
        name: The encoder's name in timm.
        weights: Its weights: a file, ``"hub"``, or None for random ones.
        labels: The labels, the background first.
        settings: What the head is like, and the seed of its weights.
        multi_label: Whether a frame may show several labels at once.
        image_size: Height and width that the encoder sees; None for its own.
        fit: How a frame of another shape fits in, as in `ActionModelConfig`.
        num_tokens: Tokens of a frame.
        texts: The labels' texts, for a head that predicts embeddings; see `choose_texts`.

    Raises:
        ModelError: The encoder is unknown, or its weights cannot be had.
        ConfigError: Settings do not fit together.
    """
    # Its width stands in no list: a small one with random weights tells it.
    probe = FrameEncoder(name, None, image_size=image_size, num_tokens=num_tokens)
    head = head_config(
        settings.head,
        num_tokens=num_tokens,
        num_features=probe.num_features,
        num_outputs=len(labels) if texts is None else texts.width,
    )
    config = ActionModelConfig(
        encoder=name,
        labels=tuple(labels),
        head=head,
        image_size=image_size,
        fit=fit,
        num_tokens=num_tokens,
        activation="sigmoid" if multi_label else "softmax",
        outputs="labels" if texts is None else "embedding",
    )
    return _begin(ActionModel(config, encoder_weights=weights), settings.seed, texts)


def choose_texts(texts: TextLabels, labels: Sequence[str], *, multi_label: bool) -> TextLabels:
    """Return the texts of a data set's labels, judged so that as many may be shown as there do.

    Args:
        texts: Texts of these and perhaps of other labels.
        labels: The labels, the background first, which needs none.
        multi_label: Whether a frame may show several labels at once.

    Raises:
        ConfigError: A label has no text.
    """
    chosen = texts.select(labels[1:])
    return replace(chosen, activation="sigmoid") if multi_label else chosen


def _begin(model: ActionModel, seed: int, texts: TextLabels | None) -> ActionModel:
    model.head.load_state_dict(make_head(model.config.head, seed).state_dict())
    if texts is not None:
        model.set_text_labels(texts)
    return model.eval()


def _policy(settings: HeadSettings) -> EvictionPolicy:
    if settings.window_seconds is not None:
        if settings.sink_frames:
            raise ConfigError(
                f"head.sink_frames is {settings.sink_frames} with head.window_seconds: set "
                "window_seconds to null, or sink_frames to 0"
            )
        return TimeWindow(seconds=settings.window_seconds, max_frames=settings.window)
    if settings.sink_frames:
        return SinkWindow(window=settings.window, sink_frames=settings.sink_frames)
    return SlidingWindow(settings.window)
