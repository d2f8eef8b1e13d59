"""An action model in a few lines of text."""

import math
from typing import Any, cast

from torch import nn

from vidcache.encoder import FrameEncoder
from vidcache.head import CameraHead
from vidcache.model.config import ActionModelConfig

__all__ = ["describe_model"]


def describe_model(config: ActionModelConfig, encoder: FrameEncoder, head: CameraHead) -> str:
    """Describes a model: its parts and their sizes, its labels, and what it was trained on.

    Args:
        config: The settings.
        encoder: The encoder.
        head: The camera head.

    Returns:
        Lines of ``name  value``, without a newline at the end.
    """
    settings = head.config
    eviction = ", ".join(f"{key} {value}" for key, value in settings.eviction.to_dict().items())
    in_encoder, in_head = _count_parameters(encoder), _count_parameters(head)
    rows = [
        ("encoder", encoder.description),
        (
            "head",
            f"{settings.depth} blocks of width {settings.width}, "
            f"{settings.num_iterations} iterations, {eviction}, positions {settings.positions}",
        ),
        (
            "parameters",
            f"{(in_encoder + in_head) / 1e6:.2f} M "
            f"(encoder {in_encoder / 1e6:.2f} M, head {in_head / 1e6:.2f} M)",
        ),
        ("weights", f"{_format_bytes(_count_bytes(encoder) + _count_bytes(head))} in memory"),
        ("cache", f"{_format_bytes(settings.predict_nbytes(batch_size=1))} a stream"),
        ("labels", ", ".join(config.labels)),
        ("scores", f"temperature {config.temperature:g}, unsure below {config.threshold:g}"),
    ]
    if config.outputs == "embedding":
        rows.append(("texts", _texts(config)))
    rows += _flatten(config.about)
    indent = max(len(name) for name, _ in rows) + 2
    return "\n".join(f"{name:<{indent}}{value}" for name, value in rows)


def _texts(config: ActionModelConfig) -> str:
    factor = math.exp(config.text_scale)
    return (
        f"labels are compared as embeddings of width {config.head.num_outputs}, by "
        f"{config.text_tower or 'an unknown text tower'}: {config.activation} of "
        f"{factor:.4g} x cosine {config.text_bias:+.4g}"
    )


def _flatten(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            rows += _flatten(cast("dict[str, Any]", value), f"{prefix}{name}.")
        else:
            text = f"{value:.4g}" if isinstance(value, float) else str(value)
            rows.append((f"{prefix}{name}", text))
    return rows


def _count_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _count_bytes(module: nn.Module) -> int:
    return sum(p.numel() * p.element_size() for p in module.parameters())


def _format_bytes(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 2**10:.1f} KiB"
