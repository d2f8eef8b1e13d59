"""From the features of one source to its token."""

import torch
from torch import Tensor, nn

__all__ = ["SourceEncoder"]


class SourceEncoder(nn.Module):
    """Two layers that turn a source's features into a token; a learned one where it is missing.

    Args:
        in_features: Length of the source's vector.
        hidden: Width of the hidden layer.
        out_features: Width of the token.
    """

    def __init__(self, in_features: int, hidden: int, out_features: int) -> None:
        super().__init__()
        self.in_features = in_features
        self.fc1 = nn.Linear(in_features, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, out_features)
        self.missing = nn.Parameter(torch.randn(out_features) * 0.02)

    def forward(self, values: Tensor, present: Tensor) -> Tensor:
        """Encodes features (…, F), present (…) bool, as tokens (…, C)."""
        token = self.fc2(self.act(self.fc1(values)))
        return torch.where(present[..., None], token, self.missing)
