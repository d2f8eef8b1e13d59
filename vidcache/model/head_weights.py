"""Which weights a model's head runs with: narrower ones where they are faster here, and as good."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from vidcache.head import CameraHead, with_fp16_weights, with_int8_weights
from vidcache.head.fp16 import Fp16Product
from vidcache.runtime import choose_fastest

if TYPE_CHECKING:
    from vidcache.model.action_model import ActionModel

__all__ = ["choose_head_weights"]

_NUM_FRAMES = 64
_LARGEST_CHANGE = 0.02


def choose_head_weights(model: "ActionModel", num_frames: int = 1) -> None:
    """Gives a model's head fp16 or int8 weights for inference, if that is faster and as good.

    The answer is remembered. Scores of features drawn at random must stay within 0.02 of what they
    were; with fp16 they stay within a thousandth. Groups of frames gain nothing from int8.

    Args:
        model: The model, on a processor; its head may be replaced.
        num_frames: How many frames of a stream go through the head together: 1 of a camera.
    """
    head = model.head
    if head.token_norm.weight.device.type != "cpu":
        return
    heads = {"fp32": head}
    if Fp16Product.is_supported():
        heads["fp16"] = with_fp16_weights(head)
    if num_frames == 1 and hasattr(torch.ops.aten, "_weight_int8pack_mm"):
        heads["int8"] = with_int8_weights(head)
    good = {
        name: narrow
        for name, narrow in heads.items()
        if narrow is head or _largest_change(model, narrow) <= _LARGEST_CHANGE
    }
    question = {"head": head.config.to_dict(), "weights": list(good), "frames": num_frames}
    ways = {name: _prepare(narrow, num_frames) for name, narrow in good.items()}
    model.head = good[choose_fastest(question, ways).name]


def _features(head: CameraHead, num_frames: int) -> torch.Tensor:
    config = head.config
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, num_frames, config.num_tokens, config.in_features, generator=generator)


def _prepare(head: CameraHead, num_frames: int) -> Callable[[], Callable[[], object]]:
    def prepare() -> Callable[[], object]:
        state = head.init_state()
        numbers = torch.arange(num_frames, dtype=torch.float64)[None]
        features = _features(head, num_frames)

        def step() -> object:
            nonlocal numbers
            numbers = numbers + num_frames
            seconds = numbers / 30 if head.config.needs_seconds else None
            return head.step(features, state, seconds)

        return step

    return prepare


def _largest_change(model: "ActionModel", quick: CameraHead) -> float:
    """The largest change of a score, over a clip of noise."""
    features = _features(quick, _NUM_FRAMES)
    seconds = None
    if quick.config.needs_seconds:
        seconds = (torch.arange(_NUM_FRAMES, dtype=torch.float64) / 30)[None]
    with torch.no_grad():
        exact = model.scores_of(model.head(features, seconds).prediction)
        rounded = model.scores_of(quick(features, seconds).prediction)
    return float((exact - rounded).abs().max())
