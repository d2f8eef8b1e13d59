"""``vidcache info``: what a model is."""

from pathlib import Path
from typing import Annotated

import typer

from vidcache.cli.head_settings import SETTINGS_SUFFIXES, read_head_config
from vidcache.cli.options import DebugFlag
from vidcache.errors import ModelError

__all__ = ["info"]


def info(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Name of a bundled model, a model file, or a YAML or JSON file with the "
            "settings of a camera head.",
        ),
    ],
    card: Annotated[bool, typer.Option("--card", help="Show the whole model card.")] = False,
    debug: DebugFlag = False,
) -> int:
    """Show a model's parts, labels and cache, and where it comes from."""
    if Path(model).suffix.lower() in SETTINGS_SUFFIXES:
        _print_head(Path(model))
        return 0
    from vidcache.model.model_file import find_model
    from vidcache.tracking import bundled_detector, bundled_pose_model

    detectors = {"bundled": bundled_detector, "bundled-pose": bundled_pose_model}
    if model in detectors:
        _print_card(detectors[model](), whole=card)
        return 0
    path = find_model(model)
    _print_model(path)
    _print_card(path, whole=card)
    return 0


def _print_model(path: Path) -> None:
    from vidcache.model import ActionModel
    from vidcache.model.external_encoder import find_encoder
    from vidcache.model.model_file import read_config

    config = read_config(path)
    if config.encoder_source == "file":
        print(ActionModel.load(path, precision="fp32").summary())
        return
    # Its parts can be told without the weights of its encoder, which may not be here.
    print(ActionModel(config, precision="fp32").summary())
    print(f"encoder weights  not in the file: from {find_encoder(config).text}")


def _print_card(path: Path, *, whole: bool) -> None:
    print(f"file  {path}, {path.stat().st_size / 1e6:.1f} MB")
    text = path.with_suffix(".md")
    if text.is_file():
        print(text.read_text(encoding="utf-8") if whole else f"card  {text}")
    elif whole:
        raise ModelError(f"there is no model card beside {path}: expected {text.name}")


def _print_head(path: Path) -> None:
    import torch

    from vidcache.head import CameraHead

    config = read_head_config(path)
    head = CameraHead(config)
    parameters = sum(parameter.numel() for parameter in head.parameters())
    print(
        f"head        {config.depth} blocks of width {config.width}, {config.num_iterations} "
        f"iterations, {config.num_outputs} outputs, {config.num_tokens} tokens a frame"
    )
    print(f"eviction    {config.eviction}, scope {config.cache_scope}")
    print(f"parameters  {parameters:,}")
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        print(f"cache       {config.predict_nbytes(1, dtype):,} bytes a stream in {name}")
