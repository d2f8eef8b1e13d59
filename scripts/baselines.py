"""Prints what a camera head is worth beside its rivals, on the held-out synthetic streams.

    python scripts/baselines.py --folder runs/baselines

All rivals see the same frozen features of the same streams, in the same number of steps, at the
same rate, with the same augmentation; each is judged at the epoch that was its best on the
validation split. Features are projected on their main directions, found on the training streams:
the same for all, and steps become an order of magnitude cheaper. Streams are encoded once, and
every trained model's scores are kept in the folder: the script may be stopped and started again.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from vidcache.cache import SlidingWindow, TimeWindow
from vidcache.head import CameraHead, HeadConfig
from vidcache.model import ActionModel, ActionModelConfig
from vidcache.training.baselines import FrameBaseline, GruBaseline, LastFrames, train_rival
from vidcache.training.encoded_streams import (
    EncodedStreams,
    StreamSettings,
    encode_streams,
    stream_predictions,
)
from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.losses import LabelObjective, label_weights
from vidcache.training.metrics import (
    frame_accuracy,
    mean_average_precision,
    mean_calibrated_average_precision,
)
from vidcache.training.synthetic import LABELS
from vidcache.training.train_settings import TrainSettings
from vidcache.training.trainer import HeadTrainer

# Far from the seeds that the encoder was trained on.
FIRST_SEEDS = {"train": 500_000_000, "validation": 0, "test": 0}
# Much of it: with less, all rivals learn the streams by heart within two or three epochs.
AUGMENT = {"noise": 0.5, "drop": 0.4}
NUM_FRAMES = {"train": 40, "validation": 64, "test": 64}


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
    rate: float = 1e-3
    head: dict[str, object] | None = None
    rival: Callable[[int], nn.Module] | None = None
    last: int = 0
    settings: dict[str, object] = field(default_factory=dict)


ROWS = (
    Row("no temporal head: linear", rival=lambda width: FrameBaseline(width, 18, hidden=0)),
    Row("no temporal head: MLP", rival=lambda width: FrameBaseline(width, 18)),
    Row("GRU, loss on all frames", rival=lambda width: GruBaseline(width, 18)),
    Row("GRU, loss on the last 8 frames", rival=lambda width: GruBaseline(width, 18), last=8),
    Row("head, trained with 1 iteration", head={"num_iterations": 1}),
    Row("head, 4 iterations, 4 s", head={}),
    Row("head, 4 iterations, 8 frames", head={"eviction": SlidingWindow(8)}),
    Row("head, 4 iterations, 16 frames", head={"eviction": SlidingWindow(16)}),
    Row("head, 4 iterations, 32 frames", head={"eviction": SlidingWindow(32)}),
    Row("head, 4 iterations, scope first_iteration", head={"cache_scope": "first_iteration"}),
)


def main() -> None:
    """Encode, train, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="keeps streams and scores")
    parser.add_argument("--model", default="tiny", help="whose encoder is used")
    parser.add_argument("--streams", type=int, default=600, help="training streams of 40 frames")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--directions", type=int, default=256, help="features that are kept")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--workers", type=int, default=1, help="processes that draw streams")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.folder.mkdir(parents=True, exist_ok=True)
    began = time.process_time()
    sizes = {"train": options.streams, "validation": 60, "test": 128}
    streams = {
        split: load_streams(options.folder, options.model, split, size, options.workers)
        for split, size in sizes.items()
    }
    data = project(streams, options.directions)
    # Seed by seed, so that a table of fewer seeds is there early.
    for seed in range(options.seeds):
        for row in ROWS:
            path = options.folder / f"{row.name.replace(' ', '_')}-{seed}.json"
            if not path.exists():
                result = judge_row(row, data, seed, options)
                path.write_text(json.dumps(result), encoding="utf-8")
                print(f"{row.name}, seed {seed}: {result}", flush=True)
    print_table(options.folder, options.seeds)
    print(f"\n{time.process_time() - began:.0f} s of processor time in this run")


def load_streams(
    folder: Path, model: str, split: str, num_streams: int, workers: int
) -> EncodedStreams:
    """Draw and encode the streams of a split, or read them from the folder."""
    path = folder / f"{split}-{num_streams}.pt"
    if not path.exists():
        encoder = ActionModel.load(model).encoder
        settings = StreamSettings(
            split,  # type: ignore[arg-type]
            num_streams,
            num_frames=NUM_FRAMES[split],
            first_seed=FIRST_SEEDS[split],
        )
        encoded = encode_streams(encoder, settings, num_workers=workers)
        torch.save(vars(encoded), path)
    return EncodedStreams(**torch.load(path))


def project(streams: dict[str, EncodedStreams], directions: int) -> Data:
    """Turn streams into videos of one token, on the main directions of the training streams."""
    torch.manual_seed(0)
    flat = streams["train"].features[:, ::4].float().flatten(2).flatten(0, 1)
    mean, spread = flat.mean(0), flat.std(0) + 1e-3
    axes = torch.pca_lowrank((flat - mean) / spread, q=directions, niter=2)[2]
    scale = (((flat - mean) / spread) @ axes).std(0).mean()
    videos: dict[str, list[EncodedVideo]] = {}
    for split, drawn in streams.items():
        videos[split] = [
            EncodedVideo(
                f"{split} {number}",
                ((tokens.float().flatten(1) - mean) / spread @ axes / scale)
                .half()
                .numpy()[:, None],
                seconds.double().numpy(),
                targets.float().numpy(),
                np.zeros(len(seconds), bool),
            )
            for number, (tokens, targets, seconds) in enumerate(
                zip(drawn.features, drawn.targets, drawn.seconds, strict=True)
            )
        ]
    return Data(**videos)


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
    out = options.folder / "training"
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
        "eviction": TimeWindow(seconds=4.0, max_frames=64),
        "positions": "seconds",
        "positions_per_second": 10.0,
        "rotary_base": 100.0,
        "layer_scale": 1.0,
    }
    return HeadConfig(**(common | (row.head or {})))  # type: ignore[arg-type]


def stream(head: CameraHead, videos: Sequence[EncodedVideo]) -> torch.Tensor:
    """Step through videos of one length frame by frame: logits after each pass, (I, n, K)."""
    streams = EncodedStreams(
        torch.stack([torch.from_numpy(video.features) for video in videos]),
        torch.stack([torch.from_numpy(video.targets) for video in videos]),
        torch.stack([torch.from_numpy(video.seconds) for video in videos]),
    )
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
