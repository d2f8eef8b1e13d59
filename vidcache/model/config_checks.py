"""What the settings of every kind of model must hold to."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from vidcache.errors import ConfigError
from vidcache.head import HeadConfig

__all__ = ["check_labels", "check_scores", "values_with_head"]


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


def values_with_head(
    settings: Mapping[str, Any], known: Sequence[str], tuples: Sequence[str], noun: str
) -> dict[str, Any]:
    """Turns plain values into those that a config takes.

    Args:
        settings: Names and values, as read from JSON or YAML.
        known: The names that there are.
        tuples: Those whose lists become tuples.
        noun: What the settings are called in messages.

    Returns:
        The values, ``head`` as a :class:`~vidcache.head.HeadConfig`.

    Raises:
        ConfigError: A name is unknown, or a value of the head is out of range.
    """
    for name in settings:
        if name not in known:
            near = get_close_matches(name, known, n=1) or known
            raise ConfigError(f"unknown {noun} setting {name!r}: did you mean {near[0]!r}?")
    values = dict(settings)
    for name in tuples:
        if isinstance(values.get(name), list):
            values[name] = tuple(values[name])
    if isinstance(values.get("head"), dict):
        values["head"] = HeadConfig.from_dict(values["head"])
    return values
