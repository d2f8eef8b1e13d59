"""Trains the bundled action model: a small ViT and a camera head on synthetic streams.

    python scripts/train_action_model.py --out runs/actions --minutes 75

The run can be stopped at any time and goes on from its checkpoint when started again.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch

from vidcache.cache import TimeWindow
from vidcache.encoder import FrameEncoder
from vidcache.head import CameraHead, HeadConfig
from vidcache.training.learning.stages import Budget, Stage
from vidcache.training.pretraining.action_trainer import ActionTrainer
from vidcache.training.synthetic import LABELS, SPLITS, ClipSettings

IMAGE_SIZE = (96, 144)


def build_encoder() -> FrameEncoder:
    """Return the encoder with random weights."""
    return FrameEncoder(
        "vit_tiny_r_s16_p8_224",
        None,
        image_size=IMAGE_SIZE,
        num_tokens=17,
        precision="auto",
        fit="stretch",
        model_args={"depth": 6, "patch_size": 4},
    )


def build_head(num_iterations: int = 4) -> CameraHead:
    """Return the head with random weights."""
    return CameraHead(
        HeadConfig(
            in_features=192,
            width=192,
            depth=2,
            num_heads=3,
            num_iterations=num_iterations,
            num_outputs=len(LABELS),
            num_tokens=17,
            eviction=TimeWindow(seconds=2.5, max_frames=64),
            positions="seconds",
            positions_per_second=10.0,
            layer_scale=0.3,
        )
    )


def build_stages() -> tuple[Stage, ...]:
    """Return the stages: easy pictures, all pictures, clips, clips for the head alone."""
    # Before plain walls a ViT finds out in minutes what a limb is; before clutter it takes hours.
    easy = replace(SPLITS["train"], backgrounds=("plain",), figure_heights=(0.65, 0.95))
    plain = ClipSettings(4, frame_rates=(1.0, 2.0), image_size=IMAGE_SIZE, split=easy)
    stills = ClipSettings(num_frames=4, frame_rates=(1.0, 2.0), image_size=IMAGE_SIZE)
    clips = ClipSettings(num_frames=10, frame_rates=(5.0, 15.0), image_size=IMAGE_SIZE)
    longer = ClipSettings(num_frames=28, frame_rates=(7.0, 25.0), image_size=IMAGE_SIZE)
    return (
        Stage(0.15, plain, 6, encoder_rate=2e-3, head_rate=0.0),
        Stage(0.5, stills, 6, encoder_rate=1.5e-3, head_rate=0.0),
        Stage(0.29, clips, 6, encoder_rate=1e-3, head_rate=1.5e-3, body_weight=0.7),
        Stage(0.06, longer, 4, encoder_rate=0.0, head_rate=1e-3, warm_up_frames=5),
    )


def main() -> None:
    """Train and write checkpoints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--minutes", type=float, help="length of the training by the clock")
    parser.add_argument("--steps", type=int, help="length of the training in steps")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    budget = Budget(steps=options.steps, minutes=options.minutes)
    trainer = ActionTrainer(
        build_encoder(),
        build_head(),
        build_stages(),
        budget,
        seed=options.seed,
        num_workers=options.workers,
    )
    checkpoint = options.out / "checkpoint.pt"
    if checkpoint.is_file():
        trainer.load(checkpoint)
    with (options.out / "log.jsonl").open("a", buffering=1) as log:

        def report(facts: dict[str, float]) -> None:
            log.write(json.dumps({"time": time.time()} | facts) + "\n")
            if facts["step"] % 20 == 0:
                print(" ".join(f"{name} {value:.4g}" for name, value in facts.items()), flush=True)

        trainer.run(report, checkpoint=checkpoint)


if __name__ == "__main__":
    main()
