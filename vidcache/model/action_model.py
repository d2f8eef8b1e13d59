"""The action model: from frames to the probability of every action."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from vidcache.cache import HeadState
from vidcache.encoder import FrameEncoder
from vidcache.encoder.preprocessing import Images
from vidcache.errors import ConfigError
from vidcache.head import CameraHead
from vidcache.model.config import ActionModelConfig
from vidcache.model.external_encoder import load_encoder_weights
from vidcache.model.model_card import describe_model
from vidcache.model.model_file import find_model, read_model, write_model
from vidcache.model.model_texts import label_by_texts, take_texts, text_tensors
from vidcache.model.text_labels import TextLabels
from vidcache.model.weights_file import naming_file
from vidcache.runtime import EngineName

__all__ = ["ActionModel"]

_ENCODER, _HEAD = "encoder.", "head."

# What may change when the weights are there: all else decides what the weights mean.
_ADJUSTABLE = ("temperature", "threshold", "about")


class ActionModel(nn.Module):
    """An encoder, a camera head and the labels of what the head says.

    Args:
        config: The settings.
        encoder_weights: Where the encoder begins: None for random weights, ``"hub"``, a file,
            the name of a bundled model, or the ViT's tensors.
        precision: Number format of the encoder's inference: ``"auto"``, ``"fp32"`` or ``"bf16"``.
            The head computes in fp32: frame by frame it is no faster otherwise.
        engine: What runs the encoder's inference: ``"torch"``, ``"openvino"``, ``"onnx"`` or
            ``"auto"``; see :class:`~vidcache.encoder.FrameEncoder`.
        device: Where the model runs.

    Attributes:
        encoder: The :class:`~vidcache.encoder.FrameEncoder`.
        head: The :class:`~vidcache.head.CameraHead`.

    Raises:
        ConfigError: The settings of encoder and head do not fit together.
        ModelError: The encoder is unknown, or its weights cannot be had.
        MissingExtraError: timm is not installed.

    Example:
        >>> import numpy as np
        >>> from vidcache import ActionModel
        >>> model = ActionModel.load("tiny")
        >>> state = model.init_state()
        >>> for frame in np.zeros((3, 480, 640, 3), np.uint8):
        ...     tokens = model.encode(frame[None])
        ...     scores = model.step(tokens[None], state)[0, 0]
        >>> model.labels[int(scores.argmax())] in model.labels
        True
    """

    def __init__(
        self,
        config: ActionModelConfig,
        *,
        encoder_weights: str | os.PathLike[str] | Mapping[str, Tensor] | None = None,
        precision: Literal["auto", "fp32", "bf16"] = "auto",
        engine: EngineName = "torch",
        device: str | torch.device = "cpu",
    ) -> None:
        super().__init__()
        self.encoder = FrameEncoder(
            config.encoder,
            encoder_weights,
            image_size=config.image_size,
            num_tokens=config.num_tokens,
            precision=precision,
            engine=engine,
            fit=config.fit,
            mean=config.mean,
            std=config.std,
            interpolation=config.interpolation,
            crop_pct=config.crop_pct,
            model_args=config.model_args,
        )
        joined = config.num_tokens // config.head.num_tokens
        if config.head.in_features != joined * self.encoder.num_features:
            raise ConfigError(
                f"head.in_features is {config.head.in_features}, but {config.encoder} gives "
                f"{self.encoder.num_features} features a token, and the head's tokens are "
                f"{joined} of these each: give {joined * self.encoder.num_features}"
            )
        self.head = CameraHead(config.head)
        self._texts: TextLabels | None = None
        # Written down here, so that a saved model does not depend on timm's defaults of its day.
        preprocessing = self.encoder.preprocessing
        self._config = replace(
            config,
            image_size=preprocessing.size,
            mean=preprocessing.mean,
            std=preprocessing.std,
            interpolation=preprocessing.interpolation,
            crop_pct=preprocessing.crop_pct,
        )
        self.to(device)

    @property
    def config(self) -> ActionModelConfig:
        """The settings, with what the ViT chose filled in.

        May be set, to change ``temperature``, ``threshold`` or ``about``.

        Raises:
            ConfigError: On setting, if it differs in anything else.
        """
        return self._config

    @config.setter
    def config(self, config: ActionModelConfig) -> None:
        adjusted = replace(self._config, **{name: getattr(config, name) for name in _ADJUSTABLE})
        if adjusted != config:
            raise ConfigError(
                f"only {', '.join(_ADJUSTABLE)} of a model's settings can be changed: build "
                "another ActionModel for the rest"
            )
        self._config = config

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the actions, in the order of the scores."""
        return self._config.labels

    @property
    def temperature(self) -> float:
        """What the head's outputs are divided by before the activation."""
        return self._config.temperature

    @property
    def threshold(self) -> float:
        """Score below which no action is shown but ``unsure``."""
        return self._config.threshold

    @property
    def text_labels(self) -> TextLabels | None:
        """The labels' texts, all but the first's; None where outputs are labels, or none is set."""
        return self._texts

    def set_text_labels(self, texts: TextLabels) -> None:
        """Gives a head that predicts embeddings other labels; streams remember what they saw.

        Scores from the next step on are those of a model that has had these labels from the
        beginning. The first label, which stands for none of them, stays.

        Args:
            texts: The labels.

        Raises:
            ConfigError: The head does not predict embeddings, these have another width or come
                from another text tower, or one of them is called like the first label.
        """
        self._config = label_by_texts(self._config, texts)
        self._texts = texts

    def init_state(self, batch_size: int = 1) -> HeadState:
        """Makes the state of new streams, with all the memory that they will ever need.

        Args:
            batch_size: Number of streams B.

        Returns:
            The state.
        """
        return self.head.init_state(batch_size)

    def warm_up(self) -> None:
        """Lets the encoder's engine be built for the calling thread, before it is waited for."""
        self.encoder.warm_up()

    def encode(self, images: Images, num_threads: int | None = None) -> Tensor:
        """Turns frames into tokens, without gradients.

        Args:
            images: uint8 RGB, NumPy or torch: a batch (B, height, width, 3), or a list of
                pictures (height, width, 3) whose sizes may differ.
            num_threads: Threads that the ViT uses on a processor; None for as many as torch may
                in the calling thread.

        Returns:
            float32 tokens, shape (B, N, C).

        Raises:
            InputError: The pictures have another type or shape.
        """
        return self.encoder(images, num_threads)

    def forward(self, features: Tensor, seconds: Tensor | None = None) -> Tensor:
        """Scores every frame of whole clips, each from the frames that it may see.

        Args:
            features: Tokens of the frames, shape (B, T, N, C).
            seconds: Times of the frames, (B, T), where the head counts seconds.

        Returns:
            Calibrated probabilities, float32, shape (B, T, number of labels).

        Raises:
            InputError: A shape does not fit, or times are missing.
        """
        return self.scores_of(self.head(features, seconds).prediction)

    def step(
        self,
        features: Tensor,
        state: HeadState,
        seconds: Tensor | None = None,
        rows: Sequence[int] | Tensor | None = None,
    ) -> Tensor:
        """Scores the next frames of streams and makes them history.

        Gives what :meth:`forward` gives for these frames on everything the streams have seen.

        Args:
            features: Tokens of the next T ≥ 1 frames, shape (K, T, N, C).
            state: The streams' state; it is changed.
            seconds: Times of the frames, (K, T), where the head counts seconds.
            rows: The row of the state that each of the K streams is, in any order; the other rows
                are not touched. None means all rows.

        Returns:
            Calibrated probabilities, float32, shape (K, T, number of labels).

        Raises:
            InputError: A shape does not fit, times are missing, or a row comes twice or does not
                exist.
            StateError: The state belongs to another head or batch size.
        """
        return self.scores_of(self.head.step(features, state, seconds, rows).prediction)

    def summary(self) -> str:
        """The model in a few lines: parts, sizes, labels, and what it was trained on."""
        return describe_model(self.config, self.encoder, self.head)

    def save(self, path: str | os.PathLike[str], *, dtype: torch.dtype = torch.float16) -> None:
        """Writes the model to one safetensors file, with its settings inside.

        Of a model with ``encoder_source="external"`` the head alone is written.

        Args:
            path: The file. It is replaced whole or not at all.
            dtype: What weights are stored in; ``torch.float32`` keeps every bit.

        Raises:
            ModelError: The file cannot be written, or a weight is not finite in ``dtype``.
        """
        tensors = self.state_dict() | text_tensors(self._texts)
        if self.config.encoder_source == "external":
            tensors = {name: t for name, t in tensors.items() if not name.startswith(_ENCODER)}
        write_model(Path(path), self.config, tensors, dtype)

    @classmethod
    def load(
        cls,
        name_or_path: str | os.PathLike[str],
        *,
        encoder_weights: str | os.PathLike[str] | None = None,
        precision: Literal["auto", "fp32", "bf16"] = "auto",
        engine: EngineName = "torch",
        device: str | torch.device = "cpu",
    ) -> "ActionModel":
        """Reads a bundled model or a file that :meth:`save` wrote.

        Where the file holds the head alone, the encoder's weights are looked for in
        ``encoder_weights``, else in the installed package that the model names, else on timm's
        hub; others than those that the head was trained on are refused.

        Args:
            name_or_path: Name of a bundled model, such as ``"tiny"``, or the path of a file.
            encoder_weights: A file with the encoder's weights, or ``"hub"``.
            precision: Number format of the encoder's inference.
            engine: What runs the encoder's inference, or ``"auto"`` for the fastest; see
                :class:`~vidcache.encoder.FrameEncoder`.
            device: Where the model runs.

        Returns:
            The model, in evaluation mode, with float32 weights.

        Raises:
            ModelError: There is no such model, a file cannot be read or used, or the encoder's
                weights cannot be had.
            ConfigError: ``encoder_weights`` is given, but the file has an encoder.
            MissingExtraError: timm is not installed.
        """
        path = find_model(name_or_path)
        config, tensors = read_model(path)
        found = load_encoder_weights(config, encoder_weights)
        with naming_file(path, RuntimeError):
            model = cls(config, encoder_weights=found, precision=precision, engine=engine)
            texts = take_texts(config, tensors)
            if found is None:
                model.load_state_dict(tensors)
            else:
                head = {name.removeprefix(_HEAD): tensor for name, tensor in tensors.items()}
                model.head.load_state_dict(head)
            if texts is not None:
                model.set_text_labels(texts)
        return model.eval().to(device)

    def scores_of(self, prediction: Tensor) -> Tensor:
        """Turns what the head says into calibrated probabilities.

        Args:
            prediction: The head's predictions, (…, num_outputs).

        Returns:
            float32, (…, number of labels).
        """
        if self._config.outputs == "embedding":
            if self._texts is None:
                raise ConfigError(
                    "the head predicts embeddings, and there are no labels to compare them with: "
                    "call set_text_labels first"
                )
            return self._texts.scores(prediction, self.temperature)
        logits = prediction.float() / self.temperature
        return logits.sigmoid() if self._config.activation == "sigmoid" else logits.softmax(dim=-1)
