"""The loss of the person pose model: keypoints of which nothing is known count for nothing."""

from typing import Any

import torch
from person_detector_figures import OUTSIDE, SEEN
from ultralytics.utils.loss import E2ELoss, PoseLoss26
from ultralytics.utils.tal import TaskAlignedAssigner


class KnownKeypointsLoss(PoseLoss26):
    """Ultralytics' pose loss where some keypoints are unknown.

    * A keypoint's place counts where it is known. Its score is taught only where it is known to be
      seen (1) or outside the picture (0).
    * Cells are given to people by boxes, as in a detector, and scores say how good a box is. By
      keypoints, as Ultralytics does it, a trained detector would forget how to find people while
      its new keypoints are still bad.
    """

    def __init__(self, model: Any, tal_topk: int = 10, tal_topk2: int | None = None) -> None:
        super().__init__(model, tal_topk, tal_topk2)
        names = ("topk", "topk2", "num_classes", "alpha", "beta", "stride")
        self.assigner = TaskAlignedAssigner(
            **{name: getattr(self.assigner, name) for name in names}
        )

    def get_assigned_targets_and_loss(
        self, preds: dict[str, torch.Tensor], batch: dict[str, Any], **_keypoints: Any
    ) -> tuple:
        """As in a detector: without keypoints."""
        return super().get_assigned_targets_and_loss(preds, batch)

    def calculate_keypoints_loss(
        self,
        masks: torch.Tensor,
        target_gt_idx: torch.Tensor,
        keypoints: torch.Tensor,
        stride_tensor: torch.Tensor,
        target_bboxes: torch.Tensor,
        pred_kpts: torch.Tensor,
    ) -> tuple[Any, Any, Any]:
        """Place, score and likelihood of the keypoints of assigned cells."""
        known = keypoints[..., 2]
        placed = torch.cat([keypoints[..., :2], (known > 0).float()[..., None]], dim=-1)
        place, _, likelihood = super().calculate_keypoints_loss(
            masks, target_gt_idx, placed, stride_tensor, target_bboxes, pred_kpts
        )
        owner = masks.nonzero(as_tuple=True)[0]
        target = known[owner, target_gt_idx[masks]]
        taught = (target == SEEN) | (target == OUTSIDE)
        scores = pred_kpts[masks][..., 2]
        if not taught.any():
            return place, scores.sum() * 0, likelihood
        return place, self.bce_pose(scores[taught], (target[taught] == SEEN).float()), likelihood


def make_criterion(model: Any) -> E2ELoss:
    """The loss of both heads."""
    return E2ELoss(model, KnownKeypointsLoss)
