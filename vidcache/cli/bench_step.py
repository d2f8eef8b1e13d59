# pyright: basic
"""One step of the head, measured in turns with the ways it is compared to."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vidcache.cache import HeadState, SlidingWindow
from vidcache.head import CameraHead, HeadConfig, with_fp16_weights, with_int8_weights

__all__ = ["HEADER", "bench_step"]

HEADER = """\
| streams | window | weights | step / its products | step / transformers | step \
| transformers, sliding cache | recompute the window |
| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |"""
"""First lines of the table whose rows `bench_step` makes."""

_CALLS_A_TURN = 3
_TRANSFORMERS = "transformers"
_RECOMPUTE = "recompute"


def bench_step(config: HeadConfig, window: int, streams: int, rounds: int) -> str:
    """Measures a full window's step and its rivals, taking turns.

    Args:
        config: Settings of the head; the window replaces its eviction policy.
        window: Frames of the sliding window.
        streams: Streams stepped together.
        rounds: Turns of each.

    Returns:
        Rows of a Markdown table, one for each kind of weights: medians in milliseconds and their
        ratios.
    """
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    head = CameraHead(replace(config, eviction=SlidingWindow(window))).eval()
    heads = {"fp32": head, "fp16": with_fp16_weights(head), "int8": with_int8_weights(head)}
    clip = torch.randn(streams, window, config.in_features)
    frame = clip[:, :1].contiguous()
    calls: dict[str, Callable[[], object] | None] = {
        _TRANSFORMERS: _transformers_step(config, window, frame, clip),
        # Of several streams it takes seconds, and says nothing else.
        _RECOMPUTE: (lambda: head(clip)) if streams == 1 else None,
    }
    for weights, narrow in heads.items():
        state = narrow.init_state(streams)
        narrow.step(clip, state)
        calls[weights] = partial(narrow.step, frame, state)
        calls[f"{weights} products"] = partial(_matrix_products, narrow, frame, state)
    times = _in_turns({name: call for name, call in calls.items() if call}, rounds)

    def ratio(one: str, other: str) -> str:
        return f"{times[one] / times[other]:.2f}" if other in times else "–"

    def milliseconds(name: str) -> str:
        return f"{times[name] * 1e3:.1f} ms" if name in times else "–"

    rows = [
        (
            *(f"{streams}", f"{window}", weights),
            *(ratio(weights, f"{weights} products"), ratio(weights, _TRANSFORMERS)),
            *(milliseconds(name) for name in (weights, _TRANSFORMERS, _RECOMPUTE)),
        )
        for weights in heads
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _in_turns(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Returns median seconds of each call; turns share whatever else the machine does."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    with torch.no_grad():
        for turn in range(rounds + 2):
            for name, call in calls.items():
                # What ran before has put its own weights into the processor's cache.
                call()
                start = time.perf_counter()
                for _ in range(_CALLS_A_TURN):
                    call()
                # The first turns load code and weights and are not counted.
                if turn >= 2:
                    times[name].append((time.perf_counter() - start) / _CALLS_A_TURN)
    return {name: statistics.median(values) for name, values in times.items()}


def _matrix_products(head: CameraHead, frame: Tensor, state: HeadState) -> None:
    """Runs the linear layers of a step and the two products of its attention, nothing else."""
    streams, _, width = frame.shape
    num_heads = head.config.num_heads
    hidden = torch.zeros(streams, 1, width // 2)
    wide = torch.zeros(streams, 1, int(width * head.config.mlp_ratio))
    shown = torch.zeros(streams, 1, head.config.num_outputs)
    query = frame.view(streams * num_heads, 1, -1)
    place = state.storage.place(torch.zeros(streams, 1, dtype=torch.int64))
    for iteration in range(head.config.num_iterations):
        head.embed_prediction(shown)
        head.modulation(frame)
        for layer, block in enumerate(head.trunk):
            attention: Any = block.attn
            mlp: Any = block.mlp
            attention.qkv(frame)
            keys, values = state.storage.lane(iteration * head.config.depth + layer, place)
            scores = torch.bmm(query, keys.flatten(0, 1).transpose(1, 2))
            torch.bmm(scores, values.flatten(0, 1))
            attention.proj(frame)
            mlp.fc1(frame)
            mlp.fc2(wide)
        head.prediction_branch.fc1(frame)
        head.prediction_branch.fc2(hidden)


def _transformers_step(
    config: HeadConfig, window: int, frame: Tensor, clip: Tensor
) -> Callable[[], object] | None:
    """The same passes through transformers' sliding cache: one cache a pass, or None without it.

    Mistral's network has three matrices where ours has two; its hidden width is chosen so that
    both hold the same number of weights.
    """
    try:
        from transformers import (  # pyright: ignore[reportMissingImports]
            DynamicCache,
            MistralConfig,
            MistralModel,
        )
    except ImportError:
        return None
    settings: Any = MistralConfig(
        vocab_size=8,
        hidden_size=config.width,
        intermediate_size=int(config.width * config.mlp_ratio * 2 / 3),
        num_hidden_layers=config.depth,
        num_attention_heads=config.num_heads,
        num_key_value_heads=config.num_heads,
        head_dim=config.head_dim,
        sliding_window=window,
        max_position_embeddings=1 << 30,
    )
    model: Any = MistralModel(settings).eval()
    caches: list[Any] = [DynamicCache(config=settings) for _ in range(config.num_iterations)]
    with torch.no_grad():
        for cache in caches:
            model(inputs_embeds=clip, past_key_values=cache, use_cache=True)

    def step() -> None:
        for cache in caches:
            model(inputs_embeds=frame, past_key_values=cache, use_cache=True)

    return step
