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
    """A hash of settings and weights, computed again only after a weight was changed.

    Args:
        module: Whose weights; loading others into it is noticed.
    """

    def __init__(self, module: nn.Module) -> None:
        self._watched: dict[str, Tensor] = {}
        self._computed: tuple[object, str] | None = None
        module.register_load_state_dict_post_hook(self._watch_again)  # pyright: ignore[reportUnknownMemberType]

    def of(self, module: nn.Module, settings: Callable[[], dict[str, Any]]) -> str:
        """Returns the hash.

        Args:
            module: The module that is watched.
            settings: Gives its settings as plain values.
        """
        # Walking the modules takes as long as attention does; a step asks for this every time.
        if not self._watched:
            self._watched = dict(module.named_parameters()) | dict(module.named_buffers())
        weights = self._watched
        seen = version_of(*weights.values())
        if self._computed is None or self._computed[0] != seen:
            self._computed = (seen, _hash(weights, settings()))
        return self._computed[1]

    def _watch_again(self, module: nn.Module, _: object) -> None:
        """Looks the weights up again: loading may have put others in their place."""
        self._watched = {}


def _hash(weights: dict[str, Tensor], settings: dict[str, Any]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps(settings, sort_keys=True).encode())
    for name, weight in weights.items():
        digest.update(f"{name} {weight.dtype}".encode())
        raw = weight.detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(raw.numpy().data)
    return digest.hexdigest()
