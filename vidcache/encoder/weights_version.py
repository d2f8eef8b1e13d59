"""Tells whether a module's weights have changed since one last looked."""

import torch
from torch import nn

__all__ = ["WeightsVersion"]


class WeightsVersion:
    """The state of a module's weights as a value to compare: every write makes it another one.

    Args:
        module: The module. It is not modified.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._watched: list[torch.Tensor] | None = None

    def now(self) -> tuple[object, ...]:
        """The present version."""
        if self._watched is None:
            # Tensors made in inference mode have no version, and cannot be written to outside it.
            self._watched = [
                tensor
                for tensor in (*self._module.parameters(), *self._module.buffers())
                if not tensor.is_inference()
            ]
        # Every in-place write, an optimiser's step too, counts up a tensor's version.
        return (self._module.training, sum(tensor._version for tensor in self._watched))

    def forget(self) -> None:
        """Looks for the tensors again: needed where they were replaced, not written to."""
        self._watched = None
