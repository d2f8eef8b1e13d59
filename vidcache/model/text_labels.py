"""Labels as embeddings of texts: what a head that predicts an embedding is compared with."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vidcache.errors import ConfigError, ModelError
from vidcache.model.text_label_file import parse_text_labels, read_arrays, write_text_labels

__all__ = ["TextLabels"]

# CLIP's scale: training held it there, and so it stands in public checkpoints.
_LOG_100 = math.log(100.0)

# How far from 1 a length may lie: half precision rounds by less.
_NEARLY = 1e-3


@dataclass(frozen=True, eq=False)
class TextLabels:
    """Names of labels with their embeddings, by the text tower of a CLIP or SigLIP model.

    The logit of a label is ``exp(scale) · cos(prediction, embedding) + bias``, and that of
    "none of these" is 0: nothing is shown where all labels lie below it. A sigmoid scores each
    label by itself, and none of them by 1 minus the best; a softmax divides 1 among the labels and
    none of them.

    Args:
        names: The labels, each once.
        embeddings: Their embeddings, shape (K, D), each of length 1.
        scale: Logarithm of what cosines are multiplied by, as checkpoints of CLIP and SigLIP
            hold it.
        bias: Added to every label's logit. SigLIP's is about -13; CLIP has none, so for "none of
            these" without training give ``-exp(scale) · c`` with the cosine ``c`` from which a
            label counts as shown.
        activation: ``"sigmoid"`` as in SigLIP (several labels may be shown at once) or
            ``"softmax"`` as in CLIP.
        tower: Which text tower made the embeddings; those of another one are no use to the same
            head. Empty if nobody knows.
        about: Where they come from, as plain values.

    Raises:
        ConfigError: A name stands twice or is empty, an embedding has another length or is not
            finite, or a number makes no sense.

    Example:
        >>> import numpy as np, torch
        >>> labels = TextLabels(("wave", "clap"), np.eye(2, 4, dtype=np.float32), bias=-50.0)
        >>> [round(score, 3) for score in labels.scores(torch.tensor([3.0, 0, 0, 0])).tolist()]
        [0.0, 1.0, 0.0]
        >>> [round(score, 3) for score in labels.scores(torch.tensor([0, 0, 0, 1.0])).tolist()]
        [1.0, 0.0, 0.0]

    Source:
        Radford et al., "Learning Transferable Visual Models From Natural Language Supervision"
        (CLIP, 2021), and Zhai et al., "Sigmoid Loss for Language Image Pre-Training" (2023).
    """

    names: tuple[str, ...]
    embeddings: NDArray[np.float32]
    scale: float = _LOG_100
    bias: float = 0.0
    activation: Literal["sigmoid", "softmax"] = "sigmoid"
    tower: str = ""
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        _check_names(self.names)
        shape = self.embeddings.shape
        if len(shape) != 2 or shape[0] != len(self.names) or shape[1] == 0:
            raise ConfigError(
                f"there are {len(self.names)} names, but embeddings of shape {shape}: expected "
                f"({len(self.names)}, width), one row a name"
            )
        norms = np.linalg.norm(self.embeddings.astype(np.float64), axis=1)
        for name, norm in zip(self.names, norms, strict=True):
            if not abs(norm - 1) < _NEARLY:
                raise ConfigError(
                    f"the embedding of {name!r} has the length {norm:g}, expected 1: divide it by "
                    "its length, or use TextLabels.from_prompts, which does"
                )
        if self.activation not in ("sigmoid", "softmax"):
            raise ConfigError(f"activation is {self.activation!r}: give 'sigmoid' or 'softmax'")
        if not (math.isfinite(self.scale) and self.scale < math.log(1e4)):
            raise ConfigError(
                f"scale is {self.scale:g}: give the logarithm of the factor, such as "
                f"{_LOG_100:.3f} for 100"
            )
        if not math.isfinite(self.bias):
            raise ConfigError(f"bias is {self.bias:g}: give a finite number")

    def __repr__(self) -> str:
        tower = f", tower={self.tower!r}" if self.tower else ""
        return f"TextLabels({', '.join(self.names)}: width {self.width}{tower})"

    def __len__(self) -> int:
        return len(self.names)

    @property
    def width(self) -> int:
        """Numbers of an embedding: what a head must have as ``num_outputs``."""
        return int(self.embeddings.shape[1])

    @classmethod
    def from_prompts(
        cls, names: Sequence[str], prompts: Sequence[NDArray[Any]], **settings: Any
    ) -> TextLabels:
        """Makes labels of the embeddings of one or several texts each.

        Args:
            names: The labels.
            prompts: For each label the embeddings of its texts, (P, D) or (D,), of any length:
                each is normalised, and so is their mean.
            **settings: Any further argument of the class.

        Raises:
            ConfigError: An embedding is zero or not finite, or a shape does not fit.
        """
        if len(names) != len(prompts):
            raise ConfigError(
                f"there are {len(names)} names, but the prompts of {len(prompts)} labels: give "
                "one array of embeddings a name"
            )
        means = [_mean(name, rows) for name, rows in zip(names, prompts, strict=True)]
        widths = {len(mean) for mean in means}
        if len(widths) > 1:
            raise ConfigError(
                f"the embeddings have different widths ({', '.join(map(str, sorted(widths)))}): "
                "make them all with one text tower"
            )
        rows = np.stack(means) if means else np.zeros((0, 1))
        return cls(tuple(names), rows.astype(np.float32), **settings)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TextLabels:
        """Reads an ``.npz``, as :meth:`save` or any other program wrote it.

        Needed are ``names`` (K texts) and ``embeddings``, (K, D), or (P, D) with ``label_of``, the
        number of the label of each row. Known are also ``scale``, ``bias``, ``activation``,
        ``tower`` and ``about`` (JSON). Without ``activation`` a file with a bias is SigLIP's
        (sigmoid), and one without it CLIP's (softmax).

        Args:
            path: The file.

        Raises:
            ModelError: The file cannot be read, or something in it is missing or wrong.
        """
        arrays = read_arrays(path)
        try:
            return cls.from_prompts(**parse_text_labels(arrays))
        except ConfigError as error:
            raise ModelError(f"the text labels {os.fspath(path)!r}: {error}") from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the labels as an ``.npz``, which is replaced whole or not at all.

        Args:
            path: The file.

        Raises:
            ModelError: It cannot be written.
        """
        write_text_labels(path, vars(self))

    def select(self, names: Sequence[str]) -> TextLabels:
        """Picks labels, in the order given.

        Args:
            names: Some of the names.

        Raises:
            ConfigError: A label is not there.
        """
        rows = [self._row(name) for name in names]
        return TextLabels(
            tuple(names),
            self.embeddings[rows],
            self.scale,
            self.bias,
            self.activation,
            self.tower,
            self.about,
        )

    def logits(self, predictions: Tensor) -> Tensor:
        """Compares predictions with the labels.

        Args:
            predictions: Embeddings of any length but 0, shape (…, D).

        Returns:
            Logits of "none of these" (always 0) and of the labels, float32, shape (…, K + 1).
        """
        texts = torch.as_tensor(self.embeddings, device=predictions.device)
        directions = torch.nn.functional.normalize(predictions.float(), dim=-1)
        logits = math.exp(self.scale) * (directions @ texts.T) + self.bias
        return torch.cat((torch.zeros_like(logits[..., :1]), logits), dim=-1)

    def scores(self, predictions: Tensor, temperature: float = 1.0) -> Tensor:
        """Says how probable each label is.

        Args:
            predictions: Embeddings, shape (…, D).
            temperature: What logits are divided by.

        Returns:
            Probabilities of "none of these" and of the labels, float32, shape (…, K + 1).
        """
        logits = self.logits(predictions) / temperature
        if self.activation == "softmax":
            return logits.softmax(dim=-1)
        shown = logits[..., 1:].sigmoid()
        return torch.cat((1 - shown.amax(dim=-1, keepdim=True), shown), dim=-1)

    def fingerprint(self) -> str:
        """A hash of everything that decides scores."""
        settings = (self.names, self.scale, self.bias, self.activation)
        return blake2b(
            repr(settings).encode() + np.ascontiguousarray(self.embeddings).tobytes(),
            digest_size=16,
        ).hexdigest()

    def _row(self, name: str) -> int:
        if name in self.names:
            return self.names.index(name)
        near = get_close_matches(name, self.names, n=1)
        raise ConfigError(
            f"there is no text label {name!r}"
            + (f" (did you mean {near[0]!r}?)" if near else "")
            + f": the labels are {', '.join(self.names)}"
        )


def _check_names(names: tuple[str, ...]) -> None:
    if not names:
        raise ConfigError("there are no names: give at least one label")
    for name in names:
        if not name.strip():
            raise ConfigError("a name is empty: give every label one")
        if names.count(name) > 1:
            raise ConfigError(f"the label {name!r} stands twice: give each label once")


def _mean(name: str, rows: NDArray[Any]) -> NDArray[np.float64]:
    rows = np.atleast_2d(np.asarray(rows, np.float64))
    if rows.ndim != 2 or rows.size == 0:
        raise ConfigError(
            f"the embeddings of {name!r} have the shape {rows.shape}: expected (prompts, width)"
        )
    for _ in ("each prompt", "their mean"):
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        if not (np.isfinite(norms).all() and (norms > 0).all()):
            raise ConfigError(
                f"an embedding of {name!r} is zero or not finite, so that it has no direction: "
                "make it again"
            )
        rows = (rows / norms).mean(axis=0, keepdims=True)
    return rows[0]
