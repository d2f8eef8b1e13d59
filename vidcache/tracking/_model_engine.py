# pyright: basic
"""What runs a detection model, and in which precision."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vidcache.runtime import Choice, EngineName
from vidcache.tracking._bfloat16 import bfloat16_is_faster, use_bfloat16
from vidcache.tracking._checkpoint_engine import choose_engine, run_by_engine
from vidcache.tracking._exported_engine import use_engine

__all__ = ["set_engine"]


def set_engine(
    predictors: Sequence[Any], path: Path, precision: str, engine: EngineName
) -> tuple[str, Choice]:
    """Lets the engine that is asked for, or the fastest, run a model in the right precision.

    Args:
        predictors: Predictors of one model.
        path: Its file.
        precision: ``"auto"``, ``"fp32"`` or ``"bf16"``.
        engine: The engine, or ``"auto"``.

    Returns:
        The precision and the engine that the model runs in from now on.

    Raises:
        MissingExtraError: The engine cannot be given such a model here.
    """
    first = predictors[0]
    backends = [predictor.model.backend for predictor in predictors]
    on_processor = first.device.type == "cpu"
    wanted = precision == "bf16" or (precision == "auto" and bfloat16_is_faster(first.device.type))
    if first.model.format == "onnx" and on_processor:
        choice = use_engine(backends, path, engine, "bf16" if wanted else "fp32")
        if choice.name != "openvino":
            return "as exported", choice
        return ("bf16" if wanted else "fp32"), choice
    if first.model.format != "pt":
        return "as exported", Choice(first.model.format, "what the model was exported for")
    choice = Choice("torch", "a checkpoint")
    if on_processor and precision == "bf16" and engine == "auto":
        choice = Choice("torch", "bf16 was asked for")
    elif on_processor:
        network, number_format = backends[0].model, "bf16" if wanted else "fp32"
        choice = choose_engine(network, path, first.imgsz, engine, number_format)
    if choice.name != "torch":
        run_by_engine(backends, choice.name)
        return "fp32", choice
    took = wanted and all(use_bfloat16(backend.model) for backend in backends)
    return ("bf16" if took else "fp32"), choice
