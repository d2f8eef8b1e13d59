# pyright: basic
"""The optimizers of encoder and head."""

import torch

from vidcache.encoder import FrameEncoder
from vidcache.head import CameraHead
from vidcache.training.body_tasks import BodyTasks

__all__ = ["make_optimizers"]


def make_optimizers(
    encoder: FrameEncoder, head: CameraHead, tasks: BodyTasks
) -> tuple[torch.optim.Optimizer, ...]:
    """Muon for the matrices of the transformer blocks, AdamW for all else.

    Returns:
        The optimizers. Each of their groups has a ``part``, ``"encoder"`` or ``"head"``.

    Source: Jordan et al. 2024, "Muon"; steps scaled to those of AdamW as in Liu et al. 2025.
    """
    sides = {
        "encoder": (encoder.vit.blocks, [*encoder.parameters(), *tasks.parameters()]),
        "head": (head.trunk, list(head.parameters())),
    }
    matrices, others = [], []
    for part, (blocks, parameters) in sides.items():
        inner = [parameter for parameter in blocks.parameters() if parameter.ndim == 2]
        known = {id(parameter) for parameter in inner}
        matrices.append({"params": inner, "part": part})
        rest = [parameter for parameter in parameters if id(parameter) not in known]
        others.append({"params": rest, "part": part})
    return (
        torch.optim.Muon(matrices, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.05),
    )
