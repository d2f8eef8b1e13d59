# pyright: basic
"""Side tasks that teach an encoder the body: keypoints and actions of single pictures.

They exist only while training. Labels of actions say little about where limbs are; these tasks
say it for every patch, which is what lets a ViT learn from scratch in an hour.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["BodyTasks"]


class BodyTasks(nn.Module):
    """Losses on a ViT's patch tokens and summary token.

    Three tasks: each patch says which keypoints lie in it and where; the summary token tells the
    keypoints of the most visible figure; and it tells the actions shown, from one picture alone.

    Args:
        vit: The timm model whose tokens are read, just after its last norm.
        num_keypoints: Keypoints of a figure.
        num_labels: Labels of actions.
    """

    def __init__(self, vit: Any, num_keypoints: int, num_labels: int) -> None:
        super().__init__()
        width = int(vit.num_features)
        self._grid = tuple(int(n) for n in vit.patch_embed.grid_size)
        self._num_prefix = int(vit.num_prefix_tokens)
        self._tokens: Tensor | None = None
        vit.norm.register_forward_hook(self._keep_tokens)
        self.patch_branch = nn.Linear(width, 3 * num_keypoints)
        nn.init.constant_(self.patch_branch.bias[:num_keypoints], -3.0)
        self.figure_branch = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, 2 * num_keypoints)
        )
        self.action_branch = nn.Linear(width, num_labels)

    def forward(self, keypoints: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return the losses for the pictures that the ViT has just seen.

        Args:
            keypoints: Places within the picture from 0 to 1, shape (B, figures, keypoints, 2), the
                most visible figure first, NaN where there is none.
            targets: Distribution of the labels shown, shape (B, K).

        Returns:
            Losses by name: ``patches``, ``figure``, ``still``.
        """
        tokens = self._tokens
        assert tokens is not None
        self._tokens = None
        summary, patches = tokens[:, 0].float(), tokens[:, self._num_prefix :]
        return {
            "patches": self._patch_loss(self.patch_branch(patches).float(), keypoints),
            "figure": self._figure_loss(self.figure_branch(summary), keypoints[:, 0]),
            "still": functional.cross_entropy(self.action_branch(summary), targets),
        }

    def _keep_tokens(self, _module: nn.Module, _inputs: Any, output: Tensor) -> None:
        if self.training and torch.is_grad_enabled():
            self._tokens = output

    def _patch_loss(self, logits: Tensor, keypoints: Tensor) -> Tensor:
        rows, columns = self._grid
        num_keypoints = keypoints.shape[2]
        scaled = keypoints * torch.tensor([columns, rows], dtype=torch.float32)
        inside = ((keypoints >= 0) & (keypoints < 1)).all(-1)
        picture, figure, point = torch.where(inside)
        place = scaled[picture, figure, point]
        cell = place.floor().long()
        patch = cell[:, 1] * columns + cell[:, 0]
        present = torch.zeros_like(logits[..., :num_keypoints])
        present[picture, patch, point] = 1.0
        heat = functional.binary_cross_entropy_with_logits(
            logits[..., :num_keypoints], present, reduction="sum"
        ) / max(1, len(picture))
        offsets = logits[..., num_keypoints:].unflatten(-1, (num_keypoints, 2))
        told = offsets[picture, patch, point].sigmoid()
        where = (told - (place - cell)).abs().sum() / max(1, len(picture))
        return heat + where

    def _figure_loss(self, told: Tensor, keypoints: Tensor) -> Tensor:
        there = ~keypoints.isnan().flatten(1).any(1)
        if not bool(there.any()):
            return told.sum() * 0.0
        # Keypoints far outside the picture are nobody's task.
        target = keypoints[there].clamp(-0.3, 1.3)
        return (told[there].unflatten(-1, (-1, 2)) - target).abs().mean() * 10.0
