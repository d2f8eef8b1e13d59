"""What patches say of parts of the picture: means over the patches under boxes."""

from __future__ import annotations

import torch

__all__ = ["pool_boxes"]


def pool_boxes(
    patches: torch.Tensor, boxes_xyxy: torch.Tensor, image_size: tuple[int, int]
) -> torch.Tensor:
    """Averages the patches under each box, each by how much of it the box covers.

    Args:
        patches: The patch tokens of one picture, shape (rows, columns, C).
        boxes_xyxy: Boxes in pixels of the picture that the encoder sees, shape (K, 4). What lies
            outside that picture does not count; a box that covers nothing of it, or nothing at
            all, gets the patch that is nearest to its middle.
        image_size: Height and width of that picture.

    Returns:
        Shape (K, C), in the type of the patches.

    Example:
        >>> patches = torch.arange(8.0).reshape(2, 4, 1)
        >>> boxes = torch.tensor([[0.0, 0.0, 20.0, 20.0], [35.0, 5.0, 36.0, 6.0]])
        >>> pool_boxes(patches, boxes, (20, 40))[:, 0].tolist()
        [2.5, 3.0]
    """
    rows, columns, _ = patches.shape
    height, width = image_size
    boxes = boxes_xyxy.to(patches.device, torch.float64)
    down = _shares(boxes[:, 1] * rows / height, boxes[:, 3] * rows / height, rows)
    across = _shares(boxes[:, 0] * columns / width, boxes[:, 2] * columns / width, columns)
    weights = (down[:, :, None] * across[:, None, :]).flatten(1).to(torch.float32)
    return (weights @ patches.flatten(0, 1).float()).to(patches.dtype)


def _shares(begin: torch.Tensor, end: torch.Tensor, count: int) -> torch.Tensor:
    """The share of each of ``count`` cells in stretches (K,), which adds up to 1: (K, count)."""
    cells = torch.arange(count, device=begin.device, dtype=begin.dtype)
    covered = torch.minimum(end[:, None], cells + 1) - torch.maximum(begin[:, None], cells)
    covered = covered.clamp(min=0)
    total = covered.sum(1, keepdim=True)
    middle = ((begin + end) / 2).floor().clamp(0, count - 1)
    nearest = (cells == middle[:, None]).to(begin.dtype)
    return torch.where(total > 0, covered / total.clamp(min=1e-12), nearest)
