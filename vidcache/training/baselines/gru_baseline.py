"""The recurrent rival of a camera head, in the manner of MiniROAD."""

from torch import Tensor, nn

from vidcache.head import HeadOutput

__all__ = ["GruBaseline"]


class GruBaseline(nn.Module):
    """A projection, one GRU layer, and a classifier of its state after each frame.

    Args:
        in_features: Width of a frame's tokens together.
        num_outputs: Labels.
        width: Width of the projection and of the GRU's state.
        dropout: Part of the projection that is left out in training.

    Example:
        >>> import torch
        >>> GruBaseline(8, 3)(torch.randn(2, 5, 4, 2), torch.zeros(2, 5)).prediction.shape
        torch.Size([2, 5, 3])

    Source:
        An et al. 2023, "MiniROAD: Minimal RNN Framework for Online Action Detection".
    """

    def __init__(
        self, in_features: int, num_outputs: int, *, width: int = 256, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.project = nn.Sequential(
            nn.LayerNorm(in_features),
            nn.Linear(in_features, width),
            nn.LayerNorm(width),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.gru = nn.GRU(width, width, batch_first=True)
        self.classify = nn.Linear(width, num_outputs)

    def forward(self, inputs: Tensor, seconds: Tensor) -> HeadOutput:
        """Score clips, each frame from itself and those before.

        Args:
            inputs: Tokens of the frames, shape (B, T, N, C).
            seconds: Not looked at.

        Returns:
            Logits, in one pass.
        """
        states, _ = self.gru(self.project(inputs.flatten(2)))
        logits = self.classify(states.relu())
        return HeadOutput(logits, (logits,))
