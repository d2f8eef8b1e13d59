# pyright: basic
"""Reading named tensors out of a file, whoever wrote it."""

import pickle
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from vidcache.encoder.dinov2_names import looks_like_transformers, rename_from_transformers
from vidcache.encoder.onnx_file import read_onnx_weights
from vidcache.errors import ModelError

__all__ = ["read_weight_file"]

_OWN_PREFIX = "encoder.vit."
_MAX_CHARS = 240


def read_weight_file(source: Path) -> dict[str, Any]:
    """Reads the weights of a ViT.

    Args:
        source: A ``.safetensors`` file, an ``.onnx`` file, or one that ``torch.save`` wrote,
            of which weights alone are read and no code is run. An action model's encoder, or
            a DINOv2 under the names of transformers, is taken out of what is around it.

    Returns:
        Tensors by name.

    Raises:
        ModelError: There is no such file, or it cannot be read.
    """
    if not source.is_file():
        raise ModelError(
            f"there is no weights file {source}: give the path of a .safetensors, .onnx or .pth "
            "file, or weights='hub'"
        )
    content = _read(source)
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content:
        raise ModelError(f"the weights file {source} holds no named tensors")
    if looks_like_transformers(content):
        return rename_from_transformers(content)
    own = {
        key.removeprefix(_OWN_PREFIX): tensor
        for key, tensor in content.items()
        if key.startswith(_OWN_PREFIX)
    }
    return own or {key.removeprefix("module."): tensor for key, tensor in content.items()}


def _read(source: Path) -> Any:
    try:
        if source.suffix == ".safetensors":
            return load_file(source)
        if source.suffix == ".onnx":
            return read_onnx_weights(source)
        return torch.load(source, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, OSError, EOFError, pickle.UnpicklingError) as error:
        detail = re.sub(r"\s+", " ", str(error)).strip()[:_MAX_CHARS]
        raise ModelError(
            f"the weights file {source} cannot be read: it is damaged, or no file of weights "
            f"only ({detail})"
        ) from error
