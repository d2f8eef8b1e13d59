"""Graphs that engines made of networks, kept on disk: the next process begins without tracing."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import threading
import time
import zlib
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from vidcache.runtime.arithmetic import package_versions
from vidcache.runtime.cache_folder import cache_folder
from vidcache.runtime.network_key import network_key

__all__ = ["Tracer", "traced_graph"]

MAX_BYTES = 1 << 30
"""Budget on disk; graphs that were used longest ago leave first. A ViT-S has 86 MB, a ViT-B 340."""

_PACKAGES = ("vidcache", "torch", "timm", "ultralytics", "openvino", "onnx", "onnxruntime")
_CHECKSUMS = "checksums.json"
_PART = ".part-"
_ABANDONED_SECONDS = 3600.0

# Tracing changes what all threads of torch do, so one traces at a time.
_tracing = threading.Lock()


class Tracer(Protocol):
    """What makes graphs of networks, writes them and reads them."""

    @staticmethod
    def trace(module: nn.Module, example: torch.Tensor) -> Any:
        """The graph of a module, whose batch may have any size."""
        ...

    @staticmethod
    def save(graph: Any, folder: Path) -> None:
        """Writes a graph into an empty folder."""
        ...

    @staticmethod
    def load(folder: Path) -> Any:
        """The graph that `save` wrote."""
        ...


def traced_graph(tracer: type[Tracer], module: nn.Module, example: torch.Tensor) -> Any:
    """The graph of a module: from the cache folder, or traced, and kept there.

    To trace a small detector takes two seconds, to read what was traced a tenth of one. Anything
    that may bear on a graph makes it another one, see :func:`network_key`; with a damaged file,
    or a folder that cannot be written, it is traced.

    Args:
        tracer: The engine that the graph is for.
        module: A network in fp32 with one input, in evaluation.
        example: Such an input, (B, …).

    Returns:
        What the tracer returned.
    """
    key = network_key(module)
    if key is None:
        return _trace(tracer, module, example)
    question = [key, tracer.__name__, list(example.shape), package_versions(_PACKAGES)]
    digest = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:32]
    folder = cache_folder() / "graphs" / digest
    graph = _load(tracer, folder)
    if graph is None:
        graph = _trace(tracer, module, example)
        _save(tracer, graph, folder)
    return graph


def _trace(tracer: type[Tracer], module: nn.Module, example: torch.Tensor) -> Any:
    with _tracing:
        return tracer.trace(module, example)


def _load(tracer: type[Tracer], folder: Path) -> Any:
    try:
        expected = json.loads((folder / _CHECKSUMS).read_text(encoding="utf-8"))
        if _checksums(folder) == expected:
            graph = tracer.load(folder)
            with contextlib.suppress(OSError):  # a folder that can only be read is good enough
                os.utime(folder)
            return graph
    except FileNotFoundError:
        return None
    except Exception:  # engines raise any kind for a file that they cannot read
        pass
    shutil.rmtree(folder, ignore_errors=True)
    return None


def _save(tracer: type[Tracer], graph: Any, folder: Path) -> None:
    """Writes a graph beside its place and moves it there whole, if there is room."""
    unfinished: Path | None = None
    # A graph that cannot be kept, for whatever reason, can be used.
    with contextlib.suppress(Exception):
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=folder.name + _PART))
        tracer.save(graph, unfinished)
        checksums = json.dumps(_checksums(unfinished))
        (unfinished / _CHECKSUMS).write_text(checksums, encoding="utf-8")
        _make_room(folder.parent, _nbytes(unfinished))
        # Where another process was first, this fails, and its graph stays.
        unfinished.rename(folder)
    if unfinished is not None:
        shutil.rmtree(unfinished, ignore_errors=True)


def _make_room(store: Path, nbytes: int) -> None:
    """Removes graphs until a further one fits, and what killed processes left."""
    by_use: list[tuple[float, Path]] = []
    for path in store.iterdir():
        used = path.stat().st_mtime
        if _PART not in path.name:
            by_use.append((used, path))
        elif used < time.time() - _ABANDONED_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
    if nbytes > MAX_BYTES:
        raise OSError(f"a graph of {nbytes} bytes is larger than the budget")
    held = {path: _nbytes(path) for _, path in by_use}
    for _, path in sorted(by_use):
        if nbytes + sum(held.values()) <= MAX_BYTES:
            break
        shutil.rmtree(path, ignore_errors=True)
        del held[path]


def _nbytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _checksums(folder: Path) -> dict[str, int]:
    sums: dict[str, int] = {}
    for path in sorted(folder.iterdir()):
        if path.name == _CHECKSUMS:
            continue
        sums[path.name] = 0
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                sums[path.name] = zlib.crc32(piece, sums[path.name])
    return sums
