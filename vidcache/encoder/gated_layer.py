# pyright: basic
"""A layer that computes only the tokens whose input changed, and keeps its answers for the rest."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.linalg import vector_norm

__all__ = ["GatedLayer", "compute_changes"]


class GatedLayer:
    """What a layer last took in and gave out, token by token, for one stream.

    The input that is remembered moves only with what is computed, so that slow changes add up and
    pass the gate in the end, and every answer is at most one gate old.
    """

    def __init__(self) -> None:
        self._inputs: Tensor | None = None
        self._limits = self._outputs = torch.empty(0)

    def choose(self, inputs: Tensor, gate: float, due: Tensor | None) -> Tensor:
        """Picks the tokens to compute; their inputs are remembered.

        Args:
            inputs: The picture's tokens, (N, C).
            gate: Relative change from which a token is computed.
            due: (N,), true for tokens that are computed in any case; None for all of them.

        Returns:
            Their places, ascending; all of them the first time.
        """
        if self._inputs is None or due is None:
            self._inputs = inputs.clone()
            self._limits = gate * vector_norm(inputs, dim=-1)
            return torch.arange(len(inputs), device=inputs.device)
        is_chosen = vector_norm(inputs - self._inputs, dim=-1) > self._limits
        places = (is_chosen | due).nonzero()[:, 0]
        chosen = inputs.index_select(0, places)
        self._inputs.index_copy_(0, places, chosen)
        self._limits.index_copy_(0, places, gate * vector_norm(chosen, dim=-1))
        return places

    def update(self, places: Tensor, outputs: Tensor) -> Tensor:
        """Takes over what was computed.

        Args:
            places: What :meth:`choose` returned.
            outputs: The layer's answers for them, (K, D).

        Returns:
            The answers for all tokens, (N, D); they are overwritten by the next call.
        """
        if len(places) == len(self._limits):
            self._outputs = outputs.clone()
        else:
            self._outputs.index_copy_(0, places, outputs)
        return self._outputs

    @property
    def inputs(self) -> Tensor:
        """The tokens that are remembered, (N, C); there are some after the first choice."""
        assert self._inputs is not None, "chosen from before"
        return self._inputs

    @property
    def nbytes(self) -> int:
        """Bytes that are held."""
        held = [self._limits, self._outputs, *([] if self._inputs is None else [self._inputs])]
        return sum(tensor.numel() * tensor.element_size() for tensor in held)


def compute_changes(
    layer: Callable[[Tensor], Tensor],
    memories: Sequence[GatedLayer],
    inputs: Tensor,
    dues: Sequence[Tensor | None],
    gate: float,
) -> Iterator[tuple[int, Tensor]]:
    """Sends the changed tokens of many pictures through a layer at once.

    Args:
        layer: Maps tokens (K, C) to (K, D).
        memories: For each picture that of its stream; the pictures of a stream stand in order.
        inputs: (F, N, C).
        dues: For each picture what :meth:`GatedLayer.choose` takes.
        gate: The same.

    Yields:
        For each picture how many of its tokens were computed, and the answers for all of them,
        (N, D), which hold until the next one is asked for.
    """
    places = [
        memory.choose(tokens, gate, due)
        for memory, tokens, due in zip(memories, inputs, dues, strict=True)
    ]
    chosen = [tokens.index_select(0, at) for tokens, at in zip(inputs, places, strict=True)]
    outputs = layer(torch.cat(chosen)).split([len(at) for at in places])
    for memory, at, found in zip(memories, places, outputs, strict=True):
        yield len(at), memory.update(at, found)
