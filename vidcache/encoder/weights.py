# pyright: basic
"""Building a timm ViT, with weights from the hub, from a file, or none."""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vidcache.encoder.bundled import find_bundled_models
from vidcache.encoder.weight_file import read_weight_file
from vidcache.errors import ConfigError, MissingExtraError, ModelError

__all__ = ["build_vit", "read_vit_weights"]

_PROBE_SECONDS = 5.0
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
_RESERVED_ARGUMENTS = {
    "num_classes": "it has no classifier",
    "in_chans": "pictures are RGB",
    "img_size": "use image_size",
    "pretrained": "use weights",
    "features_only": "use num_tokens",
}


def build_vit(
    name: str,
    weights: str | os.PathLike[str] | Mapping[str, torch.Tensor] | None,
    *,
    image_size: tuple[int, int] | None = None,
    model_args: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Builds a ViT by its timm name, without a classifier.

    Args:
        name: Name in timm, with or without a tag of its weights.
        weights: ``"hub"`` for the published weights, None for random ones, the name of a
            bundled action model, the path of a ``.safetensors``, ``.onnx`` or ``.pth`` file (a
            ViT's own, or an action model), or the tensors themselves. A position embedding of
            another size is resampled.
        image_size: Height and width in pixels; None for the model's own.
        model_args: Further arguments of the model.

    Returns:
        The model in evaluation mode, in float32.

    Raises:
        MissingExtraError: timm is not installed.
        ModelError: The name is unknown or no ViT, or the weights cannot be had or do not fit.
        ConfigError: The model does not take these arguments.
    """
    timm = _import_timm()
    _check_name(timm, name)
    _check_model_args(model_args or {})
    arguments = {**(model_args or {}), "num_classes": 0}
    if image_size is not None:
        arguments["img_size"] = image_size
    if weights is None:
        return _create(timm, name, arguments).eval()
    if isinstance(weights, Mapping):
        return _create_from(timm, name, arguments, dict(weights), "the tensors given").eval()
    source = _find_file(timm, name, weights)
    if source is None:
        return _fetch_from_hub(timm, name, arguments)
    return _create_from_file(timm, name, arguments, source).eval()


def read_vit_weights(
    name: str,
    weights: str | os.PathLike[str],
    *,
    model_args: Mapping[str, Any] | None = None,
) -> dict[str, torch.Tensor]:
    """Reads the weights of a ViT as they were published: in the size that they were trained in.

    Args:
        name: Name in timm.
        weights: Where they are, as for :func:`build_vit`.
        model_args: Further arguments of the model.

    Returns:
        Tensors under timm's names, in the number format of the file.

    Raises:
        MissingExtraError: timm is not installed.
        ModelError: The name is unknown or no ViT, or the weights cannot be had or do not fit.
        ConfigError: The model does not take these arguments.
    """
    timm = _import_timm()
    _check_name(timm, name)
    _check_model_args(model_args or {})
    arguments = {**(model_args or {}), "num_classes": 0}
    source = _find_file(timm, name, weights)
    if source is None:
        return dict(_fetch_from_hub(timm, name, arguments).state_dict())
    blank = _create_without_memory(timm, name, arguments)
    tensors = _drop_classifier(read_weight_file(source), blank.pretrained_cfg)
    expected = {key: tensor.shape for key, tensor in blank.state_dict().items()}
    if {key: tensor.shape for key, tensor in tensors.items()} == expected:
        return tensors
    return dict(_create_from(timm, name, arguments, tensors, str(source)).state_dict())


def _find_file(timm: Any, name: str, weights: str | os.PathLike[str]) -> Path | None:
    """The file that weights are in; None if they are still to be fetched from the hub."""
    if weights == "hub":
        return _find_in_hub_cache(timm, name)
    return find_bundled_models().get(os.fspath(weights), Path(weights))


def _import_timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise MissingExtraError("timm", "run", "encode frames") from error
    return timm


def _check_name(timm: Any, name: str) -> None:
    if name.startswith(("hf-hub:", "hf_hub:", "local-dir:")):
        return
    architecture = name.split(".", 1)[0]
    if timm.is_model(architecture):
        tagged: list[str] = timm.list_pretrained(f"{architecture}.*")
        if "." in name and name not in tagged:
            raise ModelError(
                f"timm has no weights {name!r}: there are {', '.join(tagged) or 'none'}"
            )
        return
    raise ModelError(
        f"timm has no model {name!r}: did you mean "
        f"{', '.join(_find_nearest_names(architecture, timm.list_models()))}?"
    )


def _find_nearest_names(name: str, known: list[str], num_names: int = 3) -> list[str]:
    # Names are long and end in sizes, so only as much of them is compared as was typed.
    def likeness(candidate: str) -> float:
        return difflib.SequenceMatcher(None, name, candidate[: len(name)]).ratio()

    return sorted(known, key=likeness, reverse=True)[:num_names]


def _check_model_args(model_args: Mapping[str, Any]) -> None:
    for key, instead in _RESERVED_ARGUMENTS.items():
        if key in model_args:
            raise ConfigError(f"model_args has {key!r}, which the encoder sets: {instead}")
    if model_args.get("global_pool", "token") == "":
        raise ConfigError("model_args has global_pool='': the encoder needs a pooled token")


def _create(timm: Any, name: str, arguments: dict[str, Any]) -> Any:
    try:
        model = timm.create_model(name, pretrained=False, **arguments)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"{name} cannot be built with {arguments}: {_in_one_line(error)}"
        ) from error
    _check_is_vit(name, model)
    return model


def _create_without_memory(timm: Any, name: str, arguments: dict[str, Any]) -> Any:
    """The model's shapes and settings alone, to be looked at before weights are fetched or read."""
    with torch.device("meta"):
        return _create(timm, name, arguments)


def _check_is_vit(name: str, model: nn.Module) -> None:
    # What all plain ViTs of timm share, and the hierarchical models (Swin, MViT, ConvNets) lack.
    has_grid = hasattr(getattr(model, "patch_embed", None), "grid_size")
    if not (has_grid and hasattr(model, "num_prefix_tokens") and hasattr(model, "blocks")):
        raise ModelError(
            f"{name} is a {type(model).__name__}, which has no grid of patch tokens; expected a "
            "ViT such as vit_tiny_patch16_224 or vit_small_patch14_dinov2"
        )


def _create_from_file(timm: Any, name: str, arguments: dict[str, Any], source: Path) -> Any:
    # The architecture first: where it cannot be built, a large file need not be read.
    _create_without_memory(timm, name, arguments)
    return _create_from(timm, name, arguments, read_weight_file(source), str(source))


def _create_from(
    timm: Any, name: str, arguments: dict[str, Any], tensors: dict[str, Any], origin: str
) -> Any:
    blank = _create_without_memory(timm, name, arguments)
    # timm's own loader resamples embeddings and renames what other projects call otherwise. It
    # is strict only where the numbers of classes agree, hence the overlay: ours has none.
    overlay = {
        "state_dict": _drop_classifier(tensors, blank.pretrained_cfg),
        "classifier": None,
        "num_classes": 0,
    }
    try:
        model = timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay=overlay, **arguments
        )
    except Exception as error:  # whatever the loader met in a file that does not belong to it
        raise ModelError(
            f"the weights in {origin} do not fit {name}: {_in_one_line(error)}; give the file of "
            "this model, or the name of the model that the file was saved from"
        ) from error
    model.pretrained_cfg.pop("state_dict", None)
    return model


def _drop_classifier(tensors: dict[str, Any], pretrained_cfg: dict[str, Any]) -> dict[str, Any]:
    names = pretrained_cfg.get("classifier") or ()
    for classifier in (names,) if isinstance(names, str) else names:
        tensors.pop(f"{classifier}.weight", None)
        tensors.pop(f"{classifier}.bias", None)
    return tensors


def _find_in_hub_cache(timm: Any, name: str) -> Path | None:
    """The published weights, if an earlier run fetched them: then no network is needed."""
    from huggingface_hub import try_to_load_from_cache

    cfg = timm.get_pretrained_cfg(name) if ":" not in name else None
    if cfg is None or not cfg.hf_hub_id or cfg.custom_load:
        return None
    repository, _, revision = cfg.hf_hub_id.partition("@")
    for filename in (cfg.hf_hub_filename,) if cfg.hf_hub_filename else _HUB_FILES:
        found = try_to_load_from_cache(repository, filename, revision=revision or None)
        if isinstance(found, str):
            return Path(found)
    return None


def _fetch_from_hub(timm: Any, name: str, arguments: dict[str, Any]) -> nn.Module:
    from huggingface_hub import constants

    if ":" not in name:
        _create_without_memory(timm, name, arguments)
    # The hub's client tries for three quarters of a minute before it gives up on a machine
    # without a network; one short request tells beforehand.
    if not constants.HF_HUB_OFFLINE:
        _check_reachable(name, constants.ENDPOINT)
    try:
        model = timm.create_model(name, pretrained=True, **arguments)
    except Exception as error:  # timm, the hub's client and its transport each have their own
        raise _not_fetched(name, constants.ENDPOINT, error) from error
    _check_is_vit(name, model)
    return model.eval()


def _check_reachable(name: str, endpoint: str) -> None:
    from huggingface_hub.utils import get_session

    try:
        get_session().head(endpoint, timeout=_PROBE_SECONDS)
    except Exception as error:  # httpx or requests, by the client's version
        raise _not_fetched(name, endpoint, error) from error


def _not_fetched(name: str, endpoint: str, error: Exception) -> ModelError:
    return ModelError(
        f"the weights of {name} could not be fetched: they are not in the hub's cache, and "
        f"{endpoint} gave {type(error).__name__} ({_in_one_line(error)}); give a local file with "
        "weights=PATH"
    )


def _in_one_line(error: Exception, max_chars: int = 240) -> str:
    text = re.sub(r"\s+", " ", str(error)).strip()
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"
