"""Trains a head on a memory task and prints what it remembers with each policy.

    python scripts/memory_task.py --out memory_task

A cue is shown, a long pause follows, then a question whose answer is the cue. One head is trained
to look at everything, in a few minutes on one core; the same weights are then streamed with every
policy, at several budgets of frames, and asked with the cue 50 to 2,000 frames back. Writes the
figures as JSON and as a picture and prints them as Markdown. Everything is seeded.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from memory_task_head import train_head
from memory_task_memories import (
    DELAYS,
    Memory,
    draw_trials,
    everything,
    memories,
    right_answers,
)
from memory_task_plot import draw_results
from memory_task_scenes import NUM_CLASSES, SCENES
from safetensors.torch import load_file, save_file
from torch import Tensor

Accuracies = list[list[float]]

# Every such trial is given to the memories that are slow.
_SLOW_STEP = 6


def main() -> None:
    """Train or load the head, stream the trials, write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("memory_task"), help="folder of results")
    parser.add_argument("--weights", type=Path, help="a head that was trained here before")
    parser.add_argument("--steps", type=int, default=1500, help="training steps")
    parser.add_argument("--trials", type=int, default=48, help="streams of each kind")
    parser.add_argument("--budgets", type=int, nargs="+", default=[16, 32, 64])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.weights:
        weights = load_file(options.weights)
    else:
        weights = train_head(options.steps, options.seed).state_dict()
        save_file(weights, options.out / "head.safetensors")
    upper = _accuracies(weights, everything(), options)
    results = {
        budget: {
            **{memory.name: _accuracies(weights, memory, options) for memory in memories(budget)},
            everything().name: upper,
        }
        for budget in options.budgets
    }
    record = {
        "trials": options.trials,
        "seed": options.seed,
        "chance": 1 / NUM_CLASSES,
        "delays": DELAYS,
        "scenes": {scene.name: scene.title for scene in SCENES},
        "policies": {
            budget: {memory.name: memory.policy.to_dict() for memory in memories(budget)}
            for budget in options.budgets
        },
        "accuracies": results,
    }
    (options.out / "memory_task.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    draw_results(results, options.out / "memory_task.png")
    _print_tables(results)


def _accuracies(
    weights: dict[str, Tensor], memory: Memory, options: argparse.Namespace
) -> Accuracies:
    began = time.monotonic()
    numbers = range(0, options.trials, _SLOW_STEP if memory.slow else 1)
    right = right_answers(weights, memory, draw_trials(numbers, options.seed)).float()
    capacity = memory.policy.capacity
    print(f"{memory.name}, {capacity} frames: {time.monotonic() - began:.0f} s", flush=True)
    return right.view(len(SCENES), -1, len(DELAYS)).mean(1).tolist()


def _print_tables(results: dict[int, dict[str, Accuracies]]) -> None:
    """Prints two tables; each cell holds one accuracy a budget, averaged over the other axis."""
    scores = {
        name: torch.tensor([memories[name] for memories in results.values()])
        for name in next(iter(results.values()))
    }
    print("\nby scene, over all delays\n")
    print(f"| memory | {' | '.join(scene.title for scene in SCENES)} |")
    print(f"| --- |{' --- |' * len(SCENES)}")
    for name, score in scores.items():
        print(f"| {name} | {_cells(score.mean(2))} |")
    print("\nby frames since the cue, over all scenes\n")
    print(f"| memory | {' | '.join(f'{delay:,}' for delay in DELAYS)} |")
    print(f"| --- |{' --- |' * len(DELAYS)}")
    for name, score in scores.items():
        print(f"| {name} | {_cells(score.mean(1))} |")


def _cells(score: Tensor) -> str:
    columns = score.T.tolist()
    return " | ".join(" / ".join(f"{share:.2f}" for share in column) for column in columns)


if __name__ == "__main__":
    main()
