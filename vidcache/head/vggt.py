"""Names of VGGT-style camera-head weights, and what they are called here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from vidcache.errors import ConfigError, InputError
from vidcache.head.config import HeadConfig

__all__ = ["config_from_vggt", "weights_from_vggt"]

_PREFIX = "camera_head."
_RENAMED = {
    "empty_pose_tokens": "empty_prediction",
    "embed_pose": "embed_prediction",
    "poseLN_modulation.1": "modulation",
    "pose_branch": "prediction_branch",
}


def weights_from_vggt(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Renames the weights of a VGGT-style camera head.

    Args:
        state_dict: The weights by their published names; those of other parts of a whole model
            (anything beside ``camera_head.``) are left out.

    Returns:
        The weights by the names of :class:`~vidcache.CameraHead`.
    """
    names = dict(state_dict)
    if any(name.startswith(_PREFIX) for name in names):
        names = {n.removeprefix(_PREFIX): w for n, w in names.items() if n.startswith(_PREFIX)}
    weights: dict[str, Tensor] = {}
    for name, weight in names.items():
        start = next((old for old in _RENAMED if name == old or name.startswith(old + ".")), None)
        ours = name if start is None else _RENAMED[start] + name.removeprefix(start)
        weights[ours] = weight.flatten() if ours == "empty_prediction" else weight
    return weights


def config_from_vggt(
    weights: Mapping[str, Tensor], num_heads: int, num_iterations: int, settings: dict[str, Any]
) -> HeadConfig:
    """Reads the sizes of a head from its weights.

    Args:
        weights: The weights, from :func:`weights_from_vggt`.
        num_heads: Attention heads of the trunk.
        num_iterations: Refinement passes.
        settings: Further settings of the config; by default there are no positions, as in VGGT.

    Returns:
        The config.

    Raises:
        InputError: A weight that the sizes are read from is missing.
        ConfigError: A setting is unknown, given by the weights already, or out of range.
    """
    try:
        width = len(weights["trunk_norm.weight"])
        num_outputs = len(weights["empty_prediction"])
        hidden = len(weights["trunk.0.mlp.fc1.bias"])
    except KeyError as error:
        raise InputError(
            f"these are no VGGT camera-head weights: {error.args[0]!r} is missing"
        ) from None
    blocks = {name.split(".")[1] for name in weights if name.startswith("trunk.")}
    arguments: dict[str, Any] = {
        "in_features": width,
        "width": width,
        "depth": len(blocks),
        "num_heads": num_heads,
        "num_iterations": num_iterations,
        "num_outputs": num_outputs,
        "mlp_ratio": hidden / width,
    }
    for name in arguments.keys() & settings.keys():
        raise ConfigError(f"{name} follows from the weights: leave it out")
    arguments |= {"positions": "none"} | settings
    return HeadConfig(**arguments)
