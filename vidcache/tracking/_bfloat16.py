# pyright: basic
"""Running a YOLO model's convolutions in bfloat16 on processors that are fast at it."""

import functools
import time
from typing import Any

import torch
from torch import nn


@functools.cache
def bfloat16_is_faster(device_type: str) -> bool:
    """Whether a typical convolution runs faster in bfloat16 here, found by timing it once.

    Only processors are measured; on other devices the answer is no (a GPU's detectors are
    quick enough in float32, and Ultralytics has float16 for them).
    """
    if device_type != "cpu":
        return False
    seconds = {dtype: _conv_seconds(dtype) for dtype in (torch.float32, torch.bfloat16)}
    # A clear gain is asked for, since bfloat16 costs a little accuracy.
    return seconds[torch.bfloat16] < 0.8 * seconds[torch.float32]


def _conv_seconds(dtype: torch.dtype) -> float:
    layer = nn.Conv2d(32, 64, 3, padding=1).to(dtype)
    layer.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    pixels = torch.zeros(1, 32, 64, 80, dtype=dtype).to(memory_format=torch.channels_last)
    best = float("inf")
    with torch.inference_mode():
        for _ in range(8):
            start = time.perf_counter()
            layer(pixels)
            best = min(best, time.perf_counter() - start)
    return best


def has_plain_head(model: nn.Module) -> bool:
    """Whether a model is one of Ultralytics whose last layer finds boxes or poses.

    Args:
        model: Any model.
    """
    from ultralytics.nn.modules.head import Detect, Pose, Pose26

    layers = getattr(model, "model", None)
    return isinstance(layers, nn.Sequential) and type(layers[-1]) in (Detect, Pose, Pose26)


def use_bfloat16(model: nn.Module) -> bool:
    """Turns the convolutions of a fused detection or pose model to bfloat16, in place.

    Boxes and keypoints are decoded in float32: the head's last layers and its anchors stay there,
    since a bfloat16 coordinate above 256 is only good to two pixels.

    Args:
        model: An Ultralytics ``DetectionModel`` with a plain head for boxes or poses.

    Returns:
        False, with the model unchanged, if it has another kind of head.
    """
    from ultralytics.nn.modules.head import Pose26

    if not has_plain_head(model):
        return False
    layers: Any = model.model
    head = layers[-1]
    # Those of YOLO26's poses end in a layer of their own for the places.
    features = ("cv4", "one2one_cv4") if type(head) is Pose26 else ()
    layers.to(torch.bfloat16)
    layers[0].register_forward_pre_hook(_cast_inputs(torch.bfloat16))
    head.register_forward_pre_hook(_cast_inputs(torch.float32))
    head.stride = head.stride.float()
    head.dfl.float()
    for name in ("cv2", "cv3", "cv4", "one2one_cv2", "one2one_cv3", "one2one_cv4"):
        for level in getattr(head, name, None) or ():
            level[0].register_forward_pre_hook(_cast_inputs(torch.bfloat16))
            if name not in features:
                _keep_float32(level[-1])
    for name in ("cv4_kpts", "one2one_cv4_kpts"):
        for last in getattr(head, name, None) or ():
            _keep_float32(last)
    return True


def _keep_float32(layer: nn.Module) -> None:
    layer.float().register_forward_pre_hook(_cast_inputs(torch.float32))


def _cast_inputs(dtype: torch.dtype):
    def hook(_module: nn.Module, inputs: tuple) -> tuple:
        first = inputs[0]
        if isinstance(first, torch.Tensor):
            return (first.to(dtype), *inputs[1:])
        return ([tensor.to(dtype) for tensor in first], *inputs[1:])

    return hook
