"""From the last second of tracked objects to the probability of every action."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vidcache.cache import HeadState
from vidcache.errors import InputError
from vidcache.head import CameraHead
from vidcache.model.object_model.config import ObjectModelConfig
from vidcache.model.object_model.object_model_file import (
    find_object_model,
    read_object_model,
    write_object_model,
)
from vidcache.model.object_model.source_encoder import SourceEncoder
from vidcache.model.object_model.source_features import (
    Source,
    SourceFeatures,
    newest_features,
    source_width,
)
from vidcache.model.object_model.track_memory import TrackMemory
from vidcache.model.weights_file import naming_file

__all__ = ["ObjectActionModel"]


class ObjectActionModel(nn.Module):
    """Says what each tracked object does, from how it moves, holds itself and looks.

    Every source (``"motion"``, ``"pose"``, ``"region"``) of an observation becomes one token; a
    camera head reads the tokens of a track in time, one row of its state a track. Where a source
    is missing, as pose with a detector that gives boxes alone, a learned token stands for it.

    Args:
        config: The settings.

    Attributes:
        encoders: The small network of each source.
        head: The :class:`~vidcache.head.CameraHead`.

    Example:
        >>> import torch
        >>> from vidcache import HeadConfig
        >>> from vidcache.model.object_model import (
        ...     ObjectActionModel, ObjectModelConfig, TrackMemory)
        >>> head = HeadConfig(in_features=32, width=32, depth=1, num_heads=4, num_iterations=2,
        ...                   num_outputs=2, num_tokens=2)
        >>> model = ObjectActionModel(ObjectModelConfig(("stand", "walk"), head)).eval()
        >>> state, memory = model.init_state(), TrackMemory()
        >>> for frame in range(3):
        ...     memory.add(frame / 10, (10 + frame, 20, 50 + frame, 120))
        ...     seconds = torch.tensor([[frame / 10]], dtype=torch.float64)
        ...     scores = model.step(model.tokens([memory])[:, None], state, seconds)
        >>> scores.shape
        torch.Size([1, 1, 2])
    """

    def __init__(self, config: ObjectModelConfig) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(
            {
                source: SourceEncoder(
                    source_width(source, config.region_features),
                    config.hidden,
                    config.head.in_features,
                )
                for source in config.sources
            }
        )
        self.head = CameraHead(config.head)
        self.config = config

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the actions, in the order of the scores."""
        return self.config.labels

    @property
    def sources(self) -> tuple[Source, ...]:
        """What a frame's tokens are made of, in their order."""
        return self.config.sources

    @property
    def temperature(self) -> float:
        """What the head's outputs are divided by before the softmax."""
        return self.config.temperature

    @property
    def threshold(self) -> float:
        """Score below which no action is shown but ``unsure``."""
        return self.config.threshold

    def adjust(self, *, temperature: float | None = None, threshold: float | None = None) -> None:
        """Changes what may change when the weights are there.

        Args:
            temperature: The new temperature; None leaves it.
            threshold: The new threshold; None leaves it.

        Raises:
            ConfigError: A value is out of range.
        """
        self.config = replace(
            self.config,
            temperature=self.temperature if temperature is None else temperature,
            threshold=self.threshold if threshold is None else threshold,
        )

    def init_state(self, batch_size: int = 1) -> HeadState:
        """Makes the state of new tracks, with all the memory that they will ever need.

        Args:
            batch_size: Number of tracks.

        Returns:
            The state, one row a track.
        """
        return self.head.init_state(batch_size)

    @torch.no_grad()
    def tokens(self, memories: Sequence[TrackMemory]) -> Tensor:
        """Makes the tokens of the newest observation of each track, without gradients.

        Args:
            memories: The tracks, K of them; none of them empty.

        Returns:
            float32 tokens, shape (K, N, C).

        Raises:
            InputError: No track is given, one is empty, or its regions have another length.
        """
        if not memories:
            raise InputError("no track is given: give at least one")
        width = self.config.region_features
        rows = [newest_features(memory.history(), self.sources, width) for memory in memories]
        together: dict[str, SourceFeatures] = {}
        for source in self.sources:
            parts = [row[source] for row in rows]
            together[source] = SourceFeatures(
                np.concatenate([part.values for part in parts]),
                np.concatenate([part.present for part in parts]),
            )
        return self.embed(
            {name: torch.as_tensor(found.values) for name, found in together.items()},
            {name: torch.as_tensor(found.present) for name, found in together.items()},
        )

    def embed(self, values: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        """Turns features of any observations into tokens, with gradients where they are enabled.

        Args:
            values: Features by source, shape (…, F).
            present: Whether the source is there, by source, shape (…).

        Returns:
            Tokens, shape (…, N, C).
        """
        device = self.head.modulation.weight.device
        tokens = [
            self.encoders[source](values[source].to(device), present[source].to(device))
            for source in self.sources
        ]
        return torch.stack(tokens, dim=-2)

    def forward(self, tokens: Tensor, seconds: Tensor | None = None) -> Tensor:
        """Scores every observation of whole tracks, each from those that it may see.

        Args:
            tokens: Tokens of the observations, shape (K, T, N, C).
            seconds: Their times, (K, T), where the head counts seconds.

        Returns:
            Calibrated probabilities, float32, shape (K, T, number of labels).

        Raises:
            InputError: A shape does not fit, or times are missing.
        """
        return self._calibrate(self.head(tokens, seconds).prediction)

    def step(
        self,
        tokens: Tensor,
        state: HeadState,
        seconds: Tensor | None = None,
        rows: Sequence[int] | Tensor | None = None,
    ) -> Tensor:
        """Scores the next observations of tracks and makes them history.

        Gives what :meth:`forward` gives for these observations on everything the tracks showed.

        Args:
            tokens: Tokens of the next T ≥ 1 observations, shape (K, T, N, C).
            state: The tracks' state; it is changed.
            seconds: Times of the observations, (K, T), where the head counts seconds.
            rows: The row of the state that each of the K tracks is, in any order; the other rows
                are not touched. None means all rows.

        Returns:
            Calibrated probabilities, float32, shape (K, T, number of labels).

        Raises:
            InputError: A shape does not fit, times are missing, or a row comes twice or does not
                exist.
            StateError: The state belongs to another head or batch size.
        """
        return self._calibrate(self.head.step(tokens, state, seconds, rows).prediction)

    def save(self, path: str | os.PathLike[str], *, dtype: torch.dtype = torch.float16) -> None:
        """Writes the model to one safetensors file, with its settings inside.

        Args:
            path: The file. It is replaced whole or not at all.
            dtype: What weights are stored in; ``torch.float32`` keeps every bit.

        Raises:
            ModelError: The file cannot be written, or a weight is not finite in ``dtype``.
        """
        write_object_model(Path(path), self.config, self.state_dict(), dtype)

    @classmethod
    def load(
        cls, name_or_path: str | os.PathLike[str], *, device: str | torch.device = "cpu"
    ) -> ObjectActionModel:
        """Reads a bundled model or a file that :meth:`save` wrote.

        Args:
            name_or_path: Name of a bundled model, such as ``"person"``, or the path of a file.
            device: Where the model runs.

        Returns:
            The model, in evaluation mode, with float32 weights.

        Raises:
            ModelError: There is no such model, or the file cannot be read or used.
        """
        path = find_object_model(name_or_path)
        config, tensors = read_object_model(path)
        with naming_file(path, RuntimeError):
            model = cls(config)
            model.load_state_dict(tensors)
        return model.eval().to(device)

    def _calibrate(self, prediction: Tensor) -> Tensor:
        return (prediction.float() / self.temperature).softmax(dim=-1)
