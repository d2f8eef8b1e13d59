# pyright: basic
"""Names of networks by all that decides what they compute."""

import dataclasses
import functools
import hashlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from torch import nn

__all__ = ["network_key"]

_OF_ANY_MODULE = frozenset(vars(nn.Module()))
_PLAIN = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device)


class _UnknownError(Exception):
    """Something of a network that cannot be compared with what another process has."""


def network_key(network: nn.Module) -> str | None:
    """Names a network, so that another process that makes an equal one finds the same name.

    The name stands for the weights, for the kinds of its layers with all their settings, and for
    the source files that these kinds are written in. What those files call in other files, and the
    packages that compute, is not in it: add the versions of packages.

    Args:
        network: The network, on the processor.

    Returns:
        SHA-256 in hexadecimal; None where something bears on the network that has no name of its
        own: a hook, a lambda, a class that stands in no file.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> torch.manual_seed(0) and network_key(nn.Linear(2, 2)) == network_key(nn.Linear(2, 2))
        False
        >>> network_key(nn.GELU()) == network_key(nn.GELU("tanh"))
        False
        >>> network_key(nn.GELU()) == network_key(nn.GELU())
        True
    """
    digest = hashlib.sha256()
    try:
        for piece in _value(network):
            digest.update(piece)
    except (_UnknownError, RecursionError):
        return None
    return digest.hexdigest()


def _module(name: str, module: nn.Module) -> Iterator[bytes | memoryview]:
    if any(value for key, value in vars(module).items() if key.endswith("_hooks")):
        raise _UnknownError("a hook")
    yield from (f"\0{name} ".encode(), *_named(type(module)), *_named(type(module).forward))
    own = {
        # Ultralytics puts another method of the same layer in the place of its `forward`.
        key: value.__func__ if getattr(value, "__self__", None) is module else value
        for key, value in vars(module).items()
        if key not in _OF_ANY_MODULE
    }
    tensors = {**module._parameters, **module._buffers}
    yield from _value({"training": module.training, "tensors": tensors, "own": own})


def _value(value: Any) -> Iterator[bytes | memoryview]:
    """Says what a value is, its type too: 1, 1.0 and True are three."""
    kind = type(value)
    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided or value.device.type != "cpu":
            raise _UnknownError("a tensor that is no plain one")
        yield f"tensor {value.dtype} {tuple(value.shape)} ".encode()
        yield value.detach().contiguous().flatten().view(torch.uint8).numpy().data
    elif kind in _PLAIN:
        yield f"{kind.__name__} {value!r} ".encode()
    elif kind in (list, tuple, torch.Size):
        yield f"{kind.__name__} {len(value)} ".encode()
        for item in value:
            yield from _value(item)
    elif isinstance(value, Mapping):
        yield f"{kind.__qualname__} {len(value)} ".encode()
        for key, item in value.items():
            yield from _value(key)
            yield from _value(item)
    elif isinstance(value, functools.partial):
        yield from _value((value.func, value.args, value.keywords))
    elif isinstance(value, Enum):
        yield from (*_named(kind), repr(value).encode())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from _named(kind)
        yield from _value({f.name: getattr(value, f.name) for f in dataclasses.fields(value)})
    elif isinstance(value, type) or inspect.isroutine(value):
        yield from _named(value)
    elif isinstance(value, nn.Module):
        for name, module in value.named_modules(remove_duplicate=False):
            yield from _module(name, module)
    else:
        raise _UnknownError(f"a {kind.__qualname__}")


def _named(thing: Any) -> Iterator[bytes | memoryview]:
    """Names a class or a function by where it stands, and by what stands there."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    found: Any = sys.modules.get(module or "")
    for part in (name or "").split("."):
        found = getattr(found, part, None)
    # Of what does not stand where its name says, as lambdas and closures, nothing is known.
    if module is None or found is not thing:
        raise _UnknownError(f"{thing!r}")
    yield f"{module} {name} ".encode()
    yield _source(module)


@functools.cache
def _source(module: str) -> bytes:
    file = getattr(sys.modules[module], "__file__", None)
    if file is None:
        if module == "builtins" or module in sys.builtin_module_names:
            return b""
        raise _UnknownError(f"{module} stands in no file")
    path = Path(file)
    # What was compiled has the version of its package, and may be large.
    return hashlib.sha256(path.read_bytes()).digest() if path.suffix == ".py" else b""
