# pyright: basic
"""The rival of a temporal head: a classifier that sees one frame at a time."""

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["train_frame_classifier"]


def train_frame_classifier(
    features: Tensor,
    targets: Tensor,
    *,
    hidden: int = 256,
    num_epochs: int = 6,
    batch_size: int = 256,
    seed: int = 0,
) -> nn.Module:
    """Train a classifier of single frames on all of their tokens.

    Args:
        features: Tokens of frames, shape (n, N, C).
        targets: Distributions of the labels shown, shape (n, K).
        hidden: Width of its hidden layer; 0 trains a linear one.
        num_epochs: How often every frame is seen.
        batch_size: Frames of a step.
        seed: Of the initial weights and of the order of the frames.

    Returns:
        A module from (..., N, C) to logits (..., K).
    """
    generator = torch.Generator().manual_seed(seed)
    size, num_labels = features.shape[1] * features.shape[2], targets.shape[-1]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        inner = (
            [nn.Linear(size, hidden), nn.GELU(), nn.Dropout(0.2), nn.Linear(hidden, num_labels)]
            if hidden
            else [nn.Linear(size, num_labels)]
        )
        classifier = nn.Sequential(nn.Flatten(-2), nn.LayerNorm(size), *inner)
        optimizer = torch.optim.AdamW(classifier.parameters(), lr=1e-3, weight_decay=0.05)
        num_steps = num_epochs * -(-len(features) // batch_size)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=num_steps)
        for _ in range(num_epochs):
            for chosen in torch.randperm(len(features), generator=generator).split(batch_size):
                logits = classifier(features[chosen].float())
                loss = functional.cross_entropy(logits, targets[chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return classifier.eval()
