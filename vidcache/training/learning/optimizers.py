# pyright: basic
"""The optimizers of what is trained: encoder, head, or a rival of the head."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn

__all__ = ["TrainedPart", "learning_parameters", "make_optimizers", "set_rates"]


@dataclass(frozen=True, eq=False)
class TrainedPart:
    """A part that is trained at a rate of its own.

    Attributes:
        name: By which its rate is set.
        modules: What belongs to it.
        blocks: The transformer blocks among them, whose matrices Muon trains; None for none.
    """

    name: str
    modules: Sequence[nn.Module]
    blocks: nn.Module | None = None


def make_optimizers(
    parts: Sequence[TrainedPart], *, weight_decay: float = 0.05
) -> tuple[torch.optim.Optimizer, ...]:
    """Muon for the matrices of transformer blocks, AdamW for all else.

    Args:
        parts: What is trained.
        weight_decay: How fast weights shrink, in parts of the learning rate.

    Returns:
        The optimizers. Each of their groups has a ``part``, by name.

    Source: Jordan et al. 2024, "Muon"; steps scaled to those of AdamW as in Liu et al. 2025.
    """
    matrices, others = [], []
    for part in parts:
        inner = [] if part.blocks is None else [p for p in part.blocks.parameters() if p.ndim == 2]
        known = {id(parameter) for parameter in inner}
        everything = [p for module in part.modules for p in module.parameters()]
        rest = [parameter for parameter in everything if id(parameter) not in known]
        if inner:
            matrices.append({"params": inner, "part": part.name})
        others.append({"params": rest, "part": part.name})
    adam = torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=weight_decay)
    if not matrices:
        return (adam,)
    muon = torch.optim.Muon(matrices, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
    return (muon, adam)


def set_rates(optimizers: Sequence[torch.optim.Optimizer], rates: dict[str, float]) -> None:
    """Set the learning rate of every part and forget the gradients of the last step."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rates[group["part"]]
        optimizer.zero_grad(set_to_none=True)


def learning_parameters(optimizers: Sequence[torch.optim.Optimizer]) -> Iterator[nn.Parameter]:
    """Return the parameters that have a gradient now."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            yield from (parameter for parameter in group["params"] if parameter.grad is not None)
