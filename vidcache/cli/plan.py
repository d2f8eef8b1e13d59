"""``vidcache plan``: what a setting of the cache costs, before anything is allocated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcache.cli.byte_sizes import parse_bytes, show_bytes
from vidcache.cli.head_settings import read_head_config
from vidcache.cli.options import DebugFlag
from vidcache.errors import ConfigError

if TYPE_CHECKING:
    from vidcache.head import HeadConfig, Plan

__all__ = ["plan"]


def plan(
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME|PATH", help="Action model. [default: tiny]"),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="F",
            help="Instead, a YAML or JSON file of a camera head's settings.",
        ),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(metavar="N", help="Window (or budget, or max_frames) of the policy."),
    ] = None,
    streams: Annotated[int, typer.Option(metavar="N", help="Streams at once.")] = 1,
    budget: Annotated[
        str | None,
        typer.Option(metavar="BYTES", help="What all streams may take, such as 64MB or 1GiB."),
    ] = None,
    key_format: Annotated[
        str, typer.Option(metavar="F", help="Storage of keys: fp32, bf16, fp16, fp8, int8, …")
    ] = "fp32",
    value_format: Annotated[str, typer.Option(metavar="F", help="Storage of values.")] = "fp32",
    debug: DebugFlag = False,
) -> int:
    """Say what a setting costs in bytes and arithmetic, and what window fits a budget."""
    from vidcache.head import plan as make_plan

    head = _head_config(model, config, window)
    costs = make_plan(
        head,
        streams,
        key_format=key_format,
        value_format=value_format,
        budget_bytes=None if budget is None else parse_bytes(budget, "--budget"),
    )
    print(
        f"head      {head.depth} blocks of width {head.width}, {head.num_iterations} iterations, "
        f"{head.num_tokens} tokens a frame, scope {head.cache_scope}\n"
        f"storage   keys {key_format}, values {value_format}"
    )
    _print_costs(costs)
    return 0


def _head_config(model: str | None, config: Path | None, window: int | None) -> HeadConfig:
    from dataclasses import replace

    from vidcache.cache.eviction.resizing import resized
    from vidcache.model.model_file import find_model, read_config

    if model is not None and config is not None:
        raise ConfigError("--model and --config both name a head: give one of them")
    head = (
        read_config(find_model(model or "tiny")).head
        if config is None
        else read_head_config(config)
    )
    return head if window is None else replace(head, eviction=resized(head.eviction, window))


def _print_costs(costs: Plan) -> None:
    print(f"eviction  {costs.eviction}, {costs.num_slots} slots a stream\n")
    rows = [("a frame", costs.nbytes_frame), ("a stream", costs.nbytes_stream)]
    rows.append((f"{costs.num_streams} streams", costs.nbytes))
    print(
        f"| {'cache':<16} | {'bytes':>18} | {'':>12} |\n| {'-' * 16} | {'-' * 17}: | {'-' * 11}: |"
    )
    for name, number in rows:
        print(f"| {name:<16} | {number:>18,} | {show_bytes(number):>12} |")
    print(f"\n| {'a frame':<16} | {'FLOPs':>18} |\n| {'-' * 16} | {'-' * 17}: |")
    for name, number in (
        ("linear layers", costs.flops_projections),
        ("attention", costs.flops_attention),
        ("together", costs.flops),
    ):
        print(f"| {name:<16} | {number:>18,} |")
    if costs.budget_bytes is not None:
        fits = "fits" if costs.fits else "does not fit"
        largest = f"the largest that does is {costs.largest}" if costs.largest else "nothing does"
        print(f"\nThis {fits} {show_bytes(costs.budget_bytes)}; {largest}.")
