"""A small head that tests of its weights share."""

import pytest
import torch

from vidcache.cache import SlidingWindow
from vidcache.head import CameraHead, HeadConfig


@pytest.fixture
def head():
    torch.manual_seed(0)
    config = HeadConfig(
        in_features=128, width=128, depth=2, num_heads=4, num_iterations=3, num_outputs=6,
        layer_scale=0.5, eviction=SlidingWindow(8),
    )  # fmt: skip
    return CameraHead(config).eval()
