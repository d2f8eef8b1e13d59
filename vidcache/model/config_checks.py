"""What the settings of every kind of model must hold to."""

from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, ClassVar, TypeVar

from vidcache.errors import ConfigError
from vidcache.head import HeadConfig

__all__ = ["ModelSettings", "check_labels", "check_scores"]

_Settings = TypeVar("_Settings", bound="ModelSettings")


class ModelSettings:
    """What the frozen dataclasses of models' settings share: plain values, and back."""

    _noun: ClassVar[str] = "model"
    """What the settings are called in messages."""

    _tuples: ClassVar[tuple[str, ...]] = ()
    """Those whose tuples become lists in plain values."""

    head: HeadConfig

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as plain values, for JSON and YAML."""
        values = {name: getattr(self, name) for name in self._names()}
        for name in self._tuples:
            values[name] = None if values[name] is None else list(values[name])
        return values | {"head": self.head.to_dict()}

    @classmethod
    def from_dict(cls: type[_Settings], settings: dict[str, Any]) -> _Settings:
        """Builds a config from plain values, as :meth:`to_dict` gives them.

        Args:
            settings: Names and values.

        Raises:
            ConfigError: A name is unknown, a value is missing or out of range.
        """
        known = cls._names()
        for name in settings:
            if name not in known:
                near = get_close_matches(name, known, n=1) or known
                raise ConfigError(
                    f"unknown {cls._noun} setting {name!r}: did you mean {near[0]!r}?"
                )
        values = dict(settings)
        for name in cls._tuples:
            if isinstance(values.get(name), list):
                values[name] = tuple(values[name])
        if isinstance(values.get("head"), dict):
            values["head"] = HeadConfig.from_dict(values["head"])
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigError(f"{cls._noun} settings are incomplete: {error}") from None

    @classmethod
    def _names(cls) -> list[str]:
        # Only dataclasses are derived from this one.
        return [known.name for known in fields(cls)]  # pyright: ignore[reportArgumentType]


def check_labels(labels: Sequence[str], num_outputs: int | None) -> None:
    """Refuses labels that come twice, are none, or do not fit the head.

    Args:
        labels: The labels.
        num_outputs: Outputs of the head; None where they are no labels.

    Raises:
        ConfigError: If they are so.
    """
    if not labels or len(set(labels)) != len(labels):
        raise ConfigError(f"labels are {labels}: give at least one, each once")
    if num_outputs is not None and len(labels) != num_outputs:
        raise ConfigError(
            f"there are {len(labels)} labels, but head.num_outputs is {num_outputs}: "
            "they must be equal"
        )


def check_scores(temperature: float, threshold: float) -> None:
    """Refuses a temperature or a threshold that makes no probabilities.

    Raises:
        ConfigError: If one of them is out of range.
    """
    if not 0 < temperature < float("inf"):
        raise ConfigError(f"temperature is {temperature}: give a number above 0")
    if not 0 <= threshold <= 1:
        raise ConfigError(f"threshold is {threshold}: give a number from 0 to 1")
