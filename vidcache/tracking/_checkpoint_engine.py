# pyright: basic
"""A checkpoint's network run by the engine that is fastest at it here."""

import copy
import functools
import hashlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vidcache.errors import MissingExtraError
from vidcache.runtime import Choice, Engine, EngineName, choose_fastest
from vidcache.runtime.engines import can_trace
from vidcache.runtime.graph_store import traced_graph
from vidcache.runtime.onnx_engine import OnnxEngine
from vidcache.runtime.openvino_engine import OpenVinoEngine
from vidcache.runtime.shared_engine import SharedEngine, prepare_run
from vidcache.tracking._bfloat16 import has_plain_head, use_bfloat16

__all__ = ["choose_engine", "run_by_engine", "run_by_torch"]

_MOST_SIZES = 8
_ENGINES: dict[str, Any] = {"openvino": OpenVinoEngine, "onnx": OnnxEngine}


def choose_engine(
    network: nn.Module, path: Path, size: Sequence[int], requested: EngineName, precision: str
) -> Choice:
    """Says what runs a checkpoint on this processor.

    Args:
        network: The network, fused and in fp32.
        path: The file that it is from.
        size: Height and width of pictures that are typical for it.
        requested: The engine, or ``"auto"`` for the fastest, measured once and remembered.
        precision: ``"bf16"`` lets torch compute in it; the other engines stay in fp32, where
            boxes keep their places.

    Returns:
        Which engine, and why.

    Raises:
        MissingExtraError: The engine that is asked for cannot be given a checkpoint here.
    """
    if not has_plain_head(network):
        return Choice("torch", "the only one that can")
    if requested == "onnx" and not can_trace("onnx"):
        raise MissingExtraError("onnx", "onnx", "run a checkpoint with the engine 'onnx'")
    if requested != "auto":
        return Choice(requested, "asked for")
    example = torch.full((1, 3, *size), 0.5)
    ways: dict[str, Callable[[], Callable[[], object]]] = {}
    ways["torch"] = functools.partial(_prepare_torch, network, example, precision)
    for name in filter(can_trace, _ENGINES):
        ways[name] = functools.partial(prepare_run, _maker(name, network, example), example.numpy())
    if len(ways) == 1:
        return Choice("torch", "no other engine is installed")
    question = {
        "checkpoint": hashlib.sha256(path.read_bytes()).hexdigest(),
        "precision": precision,
        "size": list(size),
    }
    return choose_fastest(question, ways)


def run_by_engine(backends: Sequence[Any], name: str) -> None:
    """Lets an engine do what Ultralytics' PyTorch backends do.

    Args:
        backends: Backends of one checkpoint, in fp32; they share the engine.
        name: The engine.
    """
    network = _Traced(backends[0].model, name)
    for backend in backends:
        backend.forward = functools.partial(network, backend.forward)


def run_by_torch(backends: Sequence[Any]) -> None:
    """Takes :func:`run_by_engine` back: what a layer computes can be seen again.

    Args:
        backends: The backends.
    """
    for backend in backends:
        vars(backend).pop("forward", None)


class _Traced:
    """A network that is traced for each size of pictures, since its anchors are constants in it.

    Streams have few sizes; where pictures come in more than eight, torch runs the others, in the
    backend that was asked: its head keeps the anchors of one size, and is for one thread.
    """

    def __init__(self, network: nn.Module, name: str) -> None:
        self._network = network
        self._name = name
        self._engines: dict[tuple[int, ...], SharedEngine] = {}
        self._lock = threading.Lock()

    def __call__(
        self,
        by_torch: Callable[..., Any],
        im: torch.Tensor,
        augment: bool = False,
        embed: Any = None,
        **further: Any,
    ) -> Any:
        engine = None if augment or embed or further else self._engine(im)
        if engine is None:
            return by_torch(im, augment=augment, embed=embed, **further)
        return torch.from_numpy(engine.run(im.numpy())[0])

    def _engine(self, im: torch.Tensor) -> SharedEngine | None:
        size = tuple(im.shape[2:])
        with self._lock:
            if size not in self._engines and len(self._engines) < _MOST_SIZES:
                make = _maker(self._name, self._network, torch.zeros(1, *im.shape[1:]))
                self._engines[size] = SharedEngine(make)
            return self._engines.get(size)


def _maker(name: str, network: nn.Module, example: torch.Tensor) -> Callable[[int], Engine]:
    kind = _ENGINES[name]
    settings = {"precision": "fp32"} if kind is OpenVinoEngine else {}
    graph = functools.cache(lambda: _graph(kind, network, example))
    return lambda num_threads: kind(graph(), num_threads=num_threads, **settings)


def _graph(kind: Any, network: nn.Module, example: torch.Tensor) -> Any:
    # A look at a picture runs in inference mode, whose tensors cannot be traced.
    with torch.inference_mode(False):
        boxes = _Boxes(_copy(network)).eval()
        return traced_graph(kind, boxes, example.clone())


def _copy(network: nn.Module) -> Any:
    """A copy that another thread may use, whose head has seen no picture yet."""
    twin: Any = copy.deepcopy(network)
    head = twin.model[-1]
    head.shape, head.anchors, head.strides = None, torch.empty(0), torch.empty(0)
    return twin


class _Boxes(nn.Module):
    """A network's boxes and scores, without what training needs as well."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.network(pixels)[0]


def _prepare_torch(
    network: nn.Module, example: torch.Tensor, precision: str
) -> Callable[[], object]:
    twin = _copy(network)
    if precision == "bf16":
        use_bfloat16(twin)

    def run() -> object:
        with torch.inference_mode():
            return twin(example)

    return run
