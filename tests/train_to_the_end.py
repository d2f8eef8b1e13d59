"""A process that trains and may be killed: python train_to_the_end.py FOLDER."""

import sys
from pathlib import Path

import torch
from labelled_motion import make_motion_videos

from vidcache.cache import TimeWindow
from vidcache.head import HeadConfig
from vidcache.model import ActionModelConfig
from vidcache.training.train_settings import TrainSettings
from vidcache.training.trainer import HeadTrainer

SETTINGS = TrainSettings.model_validate(
    {
        "epochs": 14,
        "clip_frames": 16,
        "clips_per_batch": 4,
        "learning_rate": 1e-2,
        "seed": 5,
        "patience": 6,
        "augment": {"drop": 0.0, "frame_drop": 0.1, "tempo": 1.1},
    }
)


def make_trainer(out, settings=SETTINGS, **changes):
    """A trainer of a small head on videos whose labels only time tells."""
    head = HeadConfig(
        in_features=12,
        width=32,
        depth=1,
        num_heads=2,
        num_iterations=2,
        num_outputs=3,
        eviction=TimeWindow(seconds=1.0, max_frames=12),
        positions="seconds",
        positions_per_second=10.0,
        rotary_base=100.0,
        layer_scale=1.0,
    )
    config = ActionModelConfig(
        "vit_tiny_patch16_224",
        ("rest", "left", "right"),
        head,
        num_tokens=2,
        encoder_source="external",
        **changes,
    )
    videos = make_motion_videos(24)
    return HeadTrainer(config, videos[:18], videos[18:], settings, Path(out))


if __name__ == "__main__":
    torch.set_num_threads(1)
    trainer = make_trainer(sys.argv[1])
    trainer.resume()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.stdout.write("begins\n")
    trainer.run(on_step=lambda done, total: sys.stdout.write(f"{done}\n"))
