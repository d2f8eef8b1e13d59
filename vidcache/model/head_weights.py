"""Which weights a model's head runs with: narrower ones where they are faster here, and as good."""

from collections.abc import Callable
from functools import cache, partial
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
    own = model.head
    if own.token_norm.weight.device.type != "cpu":
        return
    makers: dict[str, Callable[[], CameraHead]] = {"fp32": lambda: own}
    if Fp16Product.is_supported():
        makers["fp16"] = cache(partial(with_fp16_weights, own))
    if num_frames == 1 and hasattr(torch.ops.aten, "_weight_int8pack_mm"):
        makers["int8"] = cache(partial(with_int8_weights, own))
    while len(makers) > 1:
        question = {"head": own.config.to_dict(), "weights": list(makers), "frames": num_frames}
        ways = {name: partial(_prepare, make, num_frames) for name, make in makers.items()}
        # Asked first: where the answer is known, no other head is made, and none but it checked.
        fastest = choose_fastest(question, ways).name
        head = makers.pop(fastest)()
        if head is own:
            return
        if _largest_change(model, head) <= _LARGEST_CHANGE:
            model.head = head
            return


def _features(head: CameraHead, num_frames: int) -> torch.Tensor:
    config = head.config
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, num_frames, config.num_tokens, config.in_features, generator=generator)


def _prepare(make: Callable[[], CameraHead], num_frames: int) -> Callable[[], object]:
    head = make()
    state = head.init_state()
    numbers = torch.arange(num_frames, dtype=torch.float64)[None]
    features = _features(head, num_frames)

    def step() -> object:
        nonlocal numbers
        numbers = numbers + num_frames
        seconds = numbers / 30 if head.config.needs_seconds else None
        return head.step(features, state, seconds)

    return step


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
