"""A module's twin in another number format, for inference."""

import copy
from collections.abc import Callable

import torch
from torch import nn

from vidcache.encoder.weights_version import WeightsVersion

__all__ = ["ComputeCopy"]


class ComputeCopy:
    """Keeps a cast copy of a module, renewed whenever the original's weights change.

    The original keeps its own number format, so that it can be trained and saved without loss,
    while inference runs on weights that were cast once: autocast would cast them again for every
    frame. It costs half of the weights' memory.

    Args:
        module: The original. It is not modified.
        prepare: Changes the copy, in place, before it is cast; None leaves it as it is.
    """

    def __init__(
        self, module: nn.Module, prepare: Callable[[nn.Module], object] | None = None
    ) -> None:
        self._module = module
        self._prepare = prepare
        self._version = WeightsVersion(module)
        self._copy: nn.Module | None = None
        self._copied: tuple[object, ...] = ()

    def get(self, dtype: torch.dtype) -> nn.Module:
        """Returns the module in a number format.

        Args:
            dtype: The format. For float32 the original itself is returned.

        Returns:
            A module that computes with the original's present weights. Its weights take no
            gradient.
        """
        if dtype == torch.float32:
            self.drop()
            return self._module
        if self._copy is None or (dtype, *self._version.now()) != self._copied:
            # Tensors made in inference mode could not be moved or renewed outside it.
            with torch.inference_mode(False), torch.no_grad():
                twin = copy.deepcopy(self._module)
                if self._prepare is not None:
                    self._prepare(twin)
                self._copy = twin.to(dtype).requires_grad_(False)
            self._copied = (dtype, *self._version.now())
        return self._copy

    def drop(self) -> None:
        """Forgets the copy: needed where tensors were replaced, not written to."""
        self._copy = None
        self._version.forget()
