"""The hash by which a state knows the head that it belongs to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vidcache.head.linear import version_of

__all__ = ["Fingerprint"]


class Fingerprint:
    """A hash of settings and weights, computed again only after something was changed.

    Attributes:
        version: Counts the changes: of weights by training, by loading or in place by hand, and of
            modules and weights that were put in the place of others.
        modules: The modules that are watched.
    """

    def __init__(self) -> None:
        self.version = 0
        self.modules: list[nn.Module] = []
        self._parts: list[tuple[dict[str, Any], str, object]] = []
        self._weights: dict[str, Tensor] = {}
        self._computed: tuple[object, str] | None = None

    def of(self, module: nn.Module, settings: Callable[[], dict[str, Any]]) -> str:
        """Returns the hash.

        Args:
            module: The module, always the same one.
            settings: Gives its settings as plain values.
        """
        # Walking the modules takes as long as attention does; a step asks for this every time.
        if not self.modules or any(
            owner.get(name) is not part for owner, name, part in self._parts
        ):
            self._watch(module)
        seen = version_of(*self._weights.values())
        if self._computed is None or self._computed[0] != seen:
            self._computed = (seen, _hash(self._weights, settings()))
            self.version += 1
        return self._computed[1]

    def _watch(self, module: nn.Module) -> None:
        self.modules = list(module.modules())
        self._weights = dict(module.named_parameters()) | dict(module.named_buffers())
        self._parts = [
            (owner, name, part)
            for inner in self.modules
            for owner in (inner._modules, inner._parameters, inner._buffers)  # pyright: ignore[reportPrivateUsage]
            for name, part in owner.items()
        ]
        self._computed = None


def _hash(weights: dict[str, Tensor], settings: dict[str, Any]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps(settings, sort_keys=True).encode())
    for name, weight in weights.items():
        digest.update(f"{name} {weight.dtype}".encode())
        raw = weight.detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(raw.numpy().data)
    return digest.hexdigest()
