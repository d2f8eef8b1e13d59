"""Prints what a camera head is worth beside its rivals, on the held-out synthetic streams.

    python scripts/synthetic_features.py --folder runs/features --tiny --train 1200
    python scripts/baselines.py --folder runs/features --out runs/baselines

All rivals see the same frozen features of the same streams, in the same number of steps, with the
same augmentation; each is judged at the epoch that was its best on the validation split, and learns
at the rate that was its best there with the first seed, of 0.0005, 0.001, 0.002, 0.003 and 0.005.
Features are projected on their main directions, found on the training streams: the same for all,
and steps become an order of magnitude cheaper. Every trained model's scores are kept: the script
may be stopped and started again.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from synthetic_features import read_streams
from torch import nn

from vidcache.cache import SlidingWindow, TimeWindow
from vidcache.encoder.features import FeatureStore
from vidcache.head import CameraHead, HeadConfig
from vidcache.model import ActionModel, ActionModelConfig
from vidcache.training.baselines import FrameBaseline, GruBaseline, LastFrames, train_rival
from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.learning.losses import LabelObjective, label_weights
from vidcache.training.metrics import (
    frame_accuracy,
    mean_average_precision,
    mean_calibrated_average_precision,
)
from vidcache.training.pretraining.encoded_streams import EncodedStreams, stream_predictions
from vidcache.training.synthetic import LABELS
from vidcache.training.train_settings import TrainSettings
from vidcache.training.trainer import HeadTrainer

# Much of it: with less, all rivals learn the streams by heart within two or three epochs.
AUGMENT = {"noise": 0.5, "drop": 0.4}


@dataclass(frozen=True)
class Data:
    """Encoded streams of the three splits, as videos."""

    train: list[EncodedVideo]
    validation: list[EncodedVideo]
    test: list[EncodedVideo]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: What is compared.
        rate: Peak learning rate.
        head: What differs in the head's settings; None for a rival without one.
        rival: Makes the rival, from the width of a frame's features.
        last: Frames at the end of a clip that count; 0 for all.
    """

    name: str
    rate: float = 3e-3
    head: dict[str, object] | None = None
    rival: Callable[[int], nn.Module] | None = None
    last: int = 0


def seconds(length: float) -> TimeWindow:
    """Return a window of so many seconds."""
    return TimeWindow(seconds=length, max_frames=64)


ROWS = (
    Row("no temporal head: linear", 2e-3, rival=lambda width: FrameBaseline(width, 18, hidden=0)),
    Row("no temporal head: MLP", 2e-3, rival=lambda width: FrameBaseline(width, 18)),
    Row("GRU, loss on all frames", 2e-3, rival=lambda width: GruBaseline(width, 18)),
    Row("GRU, loss on the last 8 frames", 2e-3, rival=lambda width: GruBaseline(width, 18), last=8),
    Row("head, 1 iteration, 1.2 s", head={"num_iterations": 1}),
    Row("head, 4 iterations, 1.2 s", head={}),
    Row(
        "head, 4 iterations, 1.2 s, scope first_iteration", head={"cache_scope": "first_iteration"}
    ),
    Row("head, 1 iteration, 0.6 s", head={"num_iterations": 1, "eviction": seconds(0.6)}),
    Row("head, 1 iteration, 2.4 s", head={"num_iterations": 1, "eviction": seconds(2.4)}),
    Row("head, 1 iteration, 4.8 s", head={"num_iterations": 1, "eviction": seconds(4.8)}),
    Row("head, 1 iteration, 16 frames", head={"num_iterations": 1, "eviction": SlidingWindow(16)}),
)


def main() -> None:
    """Encode, train, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="of synthetic_features.py")
    parser.add_argument("--out", type=Path, required=True, help="keeps what is done")
    parser.add_argument("--model", default="tiny", help="whose encoder made the features")
    parser.add_argument("--streams", type=int, help="training streams at most; else all there are")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--directions", type=int, default=256, help="features that are kept")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    began = time.process_time()
    features = FeatureStore(options.folder).of(ActionModel.load(options.model).encoder)
    streams = {
        split: read_streams(
            options.folder, split, features, options.streams if split == "train" else None
        )
        for split in ("train", "validation", "test")
    }
    print(", ".join(f"{len(videos)} {split} streams" for split, videos in streams.items()))
    data = project(streams, options.directions)
    # Seed by seed, so that a table of fewer seeds is there early.
    for seed in range(options.seeds):
        for row in ROWS:
            path = options.out / f"{row.name.replace(' ', '_')}-{seed}.json"
            if not path.exists():
                result = judge_row(row, data, seed, options)
                path.write_text(json.dumps(result), encoding="utf-8")
                print(f"{row.name}, seed {seed}: {result}", flush=True)
    print_table(options.out, options.seeds)
    print(f"\n{time.process_time() - began:.0f} s of processor time in this run")


def project(streams: dict[str, list[EncodedVideo]], directions: int) -> Data:
    """Make one token of each frame's tokens: their main directions in the training streams."""
    torch.manual_seed(0)
    flat = torch.cat([_flat(video)[::4] for video in streams["train"]])
    mean, spread = flat.mean(0), flat.std(0) + 1e-3
    axes = torch.pca_lowrank((flat - mean) / spread, q=directions, niter=2)[2]
    scale = (((flat - mean) / spread) @ axes).std(0).mean()
    videos = {
        split: [
            replace(
                video,
                features=((_flat(video) - mean) / spread @ axes / scale).half().numpy()[:, None],
            )
            for video in drawn
        ]
        for split, drawn in streams.items()
    }
    return Data(**videos)


def _flat(video: EncodedVideo) -> torch.Tensor:
    return torch.from_numpy(np.asarray(video.features, np.float32)).flatten(1)


def judge_row(
    row: Row, data: Data, seed: int, options: argparse.Namespace
) -> dict[str, list[float]]:
    """Train and judge on the test streams; one list of measures for each pass of a head."""
    settings = TrainSettings.model_validate(
        {
            "epochs": options.epochs,
            "seed": seed,
            "learning_rate": row.rate,
            "patience": 0,
            "augment": AUGMENT,
        }
    )
    width = data.train[0].features.shape[2]
    if row.rival is not None:
        torch.manual_seed(seed)
        counts = sum(torch.from_numpy(video.targets).sum(0) for video in data.train)
        weights = label_weights(torch.as_tensor(counts), settings.balance)
        objective = LabelObjective("softmax", weights, settings.smoothing)
        loss = LastFrames(objective, row.last) if row.last else objective
        rival = train_rival(row.rival(width), loss, data.train, data.validation, settings)
        with torch.no_grad():
            logits = torch.cat(
                [
                    rival(torch.from_numpy(v.features).float()[None], None).prediction[0]
                    for v in data.test
                ]
            )
        return {"1": measure(logits, data.test)}
    config = ActionModelConfig(
        "of baselines.py", LABELS, head_of(width, row), encoder_source="external"
    )
    out = options.out / "training"
    trained = HeadTrainer(config, data.train, data.validation, settings, out).run()
    passes = stream(trained.head, data.test)
    return {str(number): measure(logits, data.test) for number, logits in enumerate(passes, 1)}


def head_of(width: int, row: Row) -> HeadConfig:
    """Return the settings of a row's head."""
    common: dict[str, object] = {
        "in_features": width,
        "width": 128,
        "depth": 2,
        "num_heads": 4,
        "num_iterations": 4,
        "num_outputs": len(LABELS),
        "eviction": seconds(1.2),
        "positions": "seconds",
        "positions_per_second": 10.0,
        "rotary_base": 100.0,
        "layer_scale": 1.0,
    }
    return HeadConfig(**(common | (row.head or {})))  # type: ignore[arg-type]


def stream(head: CameraHead, videos: Sequence[EncodedVideo]) -> torch.Tensor:
    """Step through videos of one length frame by frame: logits after each pass, (I, n, K)."""
    streams = EncodedStreams.of_videos(videos)
    return stream_predictions(head, streams, streams_at_once=len(videos)).flatten(1, 2)


def measure(logits: torch.Tensor, videos: Sequence[EncodedVideo]) -> list[float]:
    """Return mAP, calibrated mAP and accuracy of logits (n, K)."""
    scores = logits.float().softmax(-1).numpy()
    targets = np.concatenate([video.targets for video in videos])
    return [
        mean_average_precision(scores, targets),
        mean_calibrated_average_precision(scores, targets),
        frame_accuracy(scores, targets),
    ]


def print_table(folder: Path, num_seeds: int) -> None:
    """Print means and standard deviations over the seeds that are there."""
    print("\n| scored by | mAP | calibrated mAP | accuracy | seeds |")
    print("| --- | --- | --- | --- | --- |")
    for row in ROWS:
        paths = [folder / f"{row.name.replace(' ', '_')}-{seed}.json" for seed in range(num_seeds)]
        results = [json.loads(path.read_text()) for path in paths if path.exists()]
        passes = list(results[0]) if results else []
        for number in passes:
            values = np.array([result[number] for result in results])
            name = row.name if number == passes[-1] else f"{row.name}: after pass {number}"
            if number != passes[-1] and row.head != {}:
                continue
            cells = [
                f"{m:.3f} ± {s:.3f}" for m, s in zip(values.mean(0), values.std(0), strict=True)
            ]
            print(f"| {name} | {' | '.join(cells)} | {len(results)} |")


if __name__ == "__main__":
    main()
