# pyright: basic
"""An exported ONNX detector run by the engine that is fastest at it here."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidcache.runtime import Choice, Engine, EngineName, choose_fastest
from vidcache.runtime.engines import is_installed
from vidcache.runtime.onnx_engine import OnnxEngine
from vidcache.runtime.openvino_engine import OpenVinoEngine
from vidcache.runtime.shared_engine import SharedEngine, prepare_run

__all__ = ["use_engine"]

_NAMES = {"torch": "onnx"}  # torch cannot run an exported graph; ONNX Runtime is what it is for


def use_engine(
    backends: Sequence[Any], path: Path, requested: EngineName, precision: str
) -> Choice:
    """Lets an engine do what the session of Ultralytics' ONNX backend does.

    Args:
        backends: Such backends of one file; their sessions are replaced by one that they share.
        path: The ONNX file.
        requested: The engine, or ``"auto"``.
        precision: ``"fp32"`` or ``"bf16"``: what OpenVINO multiplies in.

    Returns:
        Which engine, and why.
    """
    inputs, outputs = backends[0].session.get_inputs(), list(backends[0].output_names)
    shape = [side if isinstance(side, int) else 0 for side in inputs[0].shape]
    makers: dict[str, Callable[[int], Engine]] = {
        "onnx": lambda threads: OnnxEngine(path, num_threads=threads)
    }
    graph = functools.cache(lambda: _read_graph(path))
    # A second input, or numbers of another kind, are left to what Ultralytics itself would use.
    if is_installed("openvino") and len(inputs) == 1 and inputs[0].type == "tensor(float)":
        makers["openvino"] = lambda threads: OpenVinoEngine(
            graph(), precision=precision, num_threads=threads
        )
    wanted = _NAMES.get(requested, requested)
    if wanted in makers:
        choice = Choice(wanted, "asked for")
    elif len(makers) == 1 or 0 in shape:
        choice = Choice("onnx", "the only one that can")
    else:
        question = {
            "file": hashlib.sha256(path.read_bytes()).hexdigest(),
            "precision": precision,
            "simplified": True,
        }
        picture = np.full(shape, 0.5, np.float32)
        ways = {
            name: functools.partial(prepare_run, make, picture) for name, make in makers.items()
        }
        choice = choose_fastest(question, ways)
    session = _Session(SharedEngine(makers[choice.name]), inputs, outputs)
    for backend in backends:
        backend.session = session
    return choice


def _read_graph(path: Path) -> Any:
    try:
        return OpenVinoEngine.read(OnnxEngine.simplify(path))
    except Exception:  # both raise any kind; what they cannot simplify may still be run as it is
        return OpenVinoEngine.read(path)


class _Session:
    """The part of an ONNX session that Ultralytics uses."""

    def __init__(self, engine: Engine, inputs: Any, output_names: list[str]) -> None:
        self._engine = engine
        self._inputs = inputs
        self._output_names = output_names

    def get_inputs(self) -> Any:
        return self._inputs

    def run(self, names: list[str], feed: dict[str, Any]) -> list[Any]:
        (array,) = feed.values()
        said = dict(zip(self._output_names, self._engine.run(array), strict=True))
        return [said[name] for name in names]
