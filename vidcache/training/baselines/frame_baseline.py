"""No temporal head at all: a classifier that sees one frame at a time."""

from torch import Tensor, nn

from vidcache.head import HeadOutput

__all__ = ["FrameBaseline"]


class FrameBaseline(nn.Module):
    """Scores each frame by itself, from all of its tokens.

    Args:
        in_features: Width of a frame's tokens together.
        num_outputs: Labels.
        hidden: Width of its hidden layer; 0 makes it linear.
        dropout: Part of the hidden layer that is left out in training.

    Example:
        >>> import torch
        >>> FrameBaseline(8, 3)(torch.randn(2, 5, 4, 2), torch.zeros(2, 5)).prediction.shape
        torch.Size([2, 5, 3])
    """

    def __init__(
        self, in_features: int, num_outputs: int, *, hidden: int = 256, dropout: float = 0.2
    ) -> None:
        super().__init__()
        inner: list[nn.Module] = [nn.Linear(in_features, num_outputs)]
        if hidden:
            inner = [
                nn.Linear(in_features, hidden),
                nn.GELU(),
                nn.Dropout(dropout),
                nn.Linear(hidden, num_outputs),
            ]
        self.layers = nn.Sequential(nn.LayerNorm(in_features), *inner)

    def forward(self, inputs: Tensor, seconds: Tensor) -> HeadOutput:
        """Score clips.

        Args:
            inputs: Tokens of the frames, shape (B, T, N, C).
            seconds: Not looked at.

        Returns:
            Logits, in one pass.
        """
        logits = self.layers(inputs.flatten(2))
        return HeadOutput(logits, (logits,))
