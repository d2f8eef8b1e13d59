"""The weights in an ONNX file, read without the package ``onnx``."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vidcache.errors import ModelError

__all__ = ["read_onnx_weights"]

# Numbers of the fields that are looked at, in the protocol buffers that make an ONNX file.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_INPUT, _NODE_NAME = 1, 3
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 8, 9
_TYPES = {1: np.dtype("<f4"), 10: np.dtype("<f2")}

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def read_onnx_weights(path: Path) -> dict[str, torch.Tensor]:
    """Reads the floating-point weights of a network.

    Args:
        path: The file; weights in other files beside it are not read.

    Returns:
        Weights by name. One that the export has left without a name of its own is called after
        the operation that uses it, such as ``encoder.layer.0.mlp.fc1.MatMul``.

    Raises:
        ModelError: The file is damaged, or no ONNX file.

    Source:
        The fields are those of onnx.proto of the ONNX project, the encoding is that of Google's
        protocol buffers.
    """
    content = memoryview(path.read_bytes())
    try:
        graphs = [value for field, value in _fields(content) if field == _MODEL_GRAPH]
        weights: dict[str, torch.Tensor] = {}
        users: dict[str, str] = {}
        for field, value in _fields(_as_bytes(graphs[0])):
            if field == _GRAPH_INITIALIZER:
                weights |= _read_tensor(_as_bytes(value))
            elif field == _GRAPH_NODE:
                users |= _read_node(_as_bytes(value))
    except (IndexError, ValueError, UnicodeDecodeError) as error:
        raise ModelError(
            f"the weights file {path} cannot be read: it is damaged, or no ONNX file ({error})"
        ) from None
    return {
        users.get(name, name) if name.startswith("onnx::") else name: tensor
        for name, tensor in weights.items()
    }


def _read_tensor(content: memoryview) -> dict[str, torch.Tensor]:
    """A weight by its name; nothing if it is no floating-point number, or not in this file."""
    dims: list[int] = []
    kind, name, raw = 0, "", None
    for field, value in _fields(content):
        if field == _TENSOR_DIMS:
            dims += [value] if isinstance(value, int) else _varints(value)
        elif field == _TENSOR_TYPE and isinstance(value, int):
            kind = value
        elif field == _TENSOR_NAME:
            name = bytes(_as_bytes(value)).decode()
        elif field == _TENSOR_RAW:
            raw = _as_bytes(value)
    if kind not in _TYPES or raw is None:
        return {}
    if len(raw) != math.prod(dims) * _TYPES[kind].itemsize:
        raise ValueError(f"{name} has {len(raw)} bytes for a shape of {dims}")
    values: NDArray[Any] = np.frombuffer(raw, _TYPES[kind])
    # A copy, so that the rest of the file need not stay in memory.
    return {name: torch.tensor(values).reshape(dims)}


def _read_node(content: memoryview) -> dict[str, str]:
    """The inputs of an operation without names of their own, and what they are called after it."""
    inputs: list[str] = []
    name = ""
    for field, value in _fields(content):
        if field == _NODE_INPUT:
            inputs.append(bytes(_as_bytes(value)).decode())
        elif field == _NODE_NAME:
            name = bytes(_as_bytes(value)).decode()
    called = re.sub("/", ".", name.strip("/"))
    return {used: called for used in inputs if used.startswith("onnx::")}


def _fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message: a number or bytes each."""
    place = 0
    while place < len(content):
        key, place = _varint(content, place)
        kind = key & 7
        if kind == _VARINT:
            value, place = _varint(content, place)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            size, place = _varint(content, place)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"unknown kind of field {kind}")
        if place + size > len(content):
            raise ValueError("it ends too early")
        yield key >> 3, content[place : place + size]
        place += size


def _as_bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message should be")
    return value


def _varints(content: memoryview) -> list[int]:
    numbers: list[int] = []
    place = 0
    while place < len(content):
        number, place = _varint(content, place)
        numbers.append(number)
    return numbers


def _varint(content: memoryview, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = content[place]
        place += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, place
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
