"""What an engine is, and which there are."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vidcache.errors import ConfigError, MissingExtraError

__all__ = ["ENGINES", "Engine", "EngineName", "can_trace", "check_engine", "is_installed"]

EngineName = Literal["auto", "torch", "openvino", "onnx"]

ENGINES: tuple[str, ...] = ("torch", "openvino", "onnx")
"""The engines by name; ``auto`` is the fastest of them, as measured once on this machine."""

_PACKAGES = {
    "torch": ("torch", ""),
    "openvino": ("openvino", "openvino"),
    "onnx": ("onnxruntime", "run"),
}


class Engine(Protocol):
    """A network that is only run, never trained: arrays in, arrays out. One thread at a time."""

    def run(self, array: NDArray[Any]) -> Sequence[NDArray[np.float32]]:
        """Computes the outputs.

        Args:
            array: The only input, float32, the batch first.
        """
        ...


def is_installed(name: str) -> bool:
    """Whether an engine's package is there."""
    return find_spec(_PACKAGES[name][0]) is not None


def can_trace(name: str) -> bool:
    """Whether an engine can be given a network of PyTorch: ONNX Runtime needs ``onnx`` for that."""
    return is_installed(name) and (name != "onnx" or find_spec("onnx") is not None)


def check_engine(name: str) -> None:
    """Refuses an engine that there is not, or not here.

    Raises:
        ConfigError: There is no such engine.
        MissingExtraError: Its package is not installed.
    """
    if name == "auto":
        return
    if name not in ENGINES:
        raise ConfigError(f"the engine is {name!r}, expected auto, {', '.join(ENGINES)}")
    if not is_installed(name):
        package, extra = _PACKAGES[name]
        raise MissingExtraError(package, extra, f"run networks with the engine {name!r}")
