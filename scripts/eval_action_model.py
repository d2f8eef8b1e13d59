"""Prints how good an action model is on the held-out synthetic streams, and what its head adds.

    python scripts/synthetic_features.py --folder runs/features --tiny --train 200
    python scripts/eval_action_model.py --folder runs/features --model tiny
    python scripts/eval_action_model.py --folder runs/features --model small --dino FILE

The rivals of the head see the same frozen features of single frames. Everything is seeded.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from synthetic_features import read_streams

from vidcache.encoder.features import FeatureStore
from vidcache.model import ActionModel
from vidcache.training.baselines import FrameBaseline, train_rival
from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.learning.calibration import calibration_error
from vidcache.training.learning.losses import LabelObjective
from vidcache.training.metrics import FrameMetrics, frame_metrics
from vidcache.training.pretraining.encoded_streams import EncodedStreams, stream_predictions
from vidcache.training.train_settings import TrainSettings

Streams = dict[str, list[EncodedVideo]]


def main() -> None:
    """Train the rivals and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="of synthetic_features.py")
    parser.add_argument("--model", default="tiny", help="a bundled model or a file")
    parser.add_argument("--dino", help="weights of the encoder, where the model's file has none")
    parser.add_argument("--epochs", type=int, default=6, help="of the rivals")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = ActionModel.load(options.model, encoder_weights=options.dino)
    features = FeatureStore(options.folder).of(model.encoder)
    streams: Streams = {
        split: read_streams(options.folder, split, features)
        for split in ("train", "validation", "test")
    }
    targets = np.concatenate([video.targets for video in streams["test"]])
    print(
        f"{len(streams['test'])} test streams, {len(targets)} frames, streamed frame by frame; "
        f"rivals saw {sum(map(len, streams['train']))} frames\n"
    )
    print("| scored by | mAP | calibrated mAP | accuracy |\n| --- | --- | --- | --- |")
    for name, hidden in (("linear", 0), ("MLP", 256)):
        scores = rival(streams, hidden, options)
        single = print_row(f"no temporal head: {name} on all tokens", scores, targets)
    passes = stream(model, streams["test"])
    for number, scores in enumerate(passes, 1):
        whole = print_row(f"head, {number} of {len(passes)} iterations", scores, targets)
    print_labels(model, single, whole, targets)
    print_scores(model, torch.from_numpy(passes[-1]), torch.from_numpy(targets))


def rival(streams: Streams, hidden: int, options: argparse.Namespace) -> np.ndarray:
    """Train a classifier of single frames, and score the test streams with it."""
    first = streams["train"][0]
    settings = TrainSettings(epochs=options.epochs, patience=0)
    torch.manual_seed(settings.seed)
    module = FrameBaseline(first.features[0].size, first.targets.shape[1], hidden=hidden)
    objective = LabelObjective("softmax")
    train_rival(module, objective, streams["train"], streams["validation"], settings)
    with torch.inference_mode():
        logits = [
            module(torch.tensor(video.features).float()[None], torch.zeros(1)).prediction[0]
            for video in streams["test"]
        ]
    return torch.cat(logits).softmax(-1).numpy()


def stream(model: ActionModel, videos: list[EncodedVideo]) -> list[np.ndarray]:
    """Score the test streams frame by frame, with each pass of the head."""
    encoded = EncodedStreams.of_videos(videos)
    passes = stream_predictions(model.head, encoded).flatten(1, 2) / model.temperature
    return [logits.float().softmax(-1).numpy() for logits in passes]


def print_row(name: str, scores: np.ndarray, targets: np.ndarray) -> FrameMetrics:
    """Print one line of the table."""
    metrics = frame_metrics(scores, targets)
    print(
        f"| {name} | {metrics.mean_average_precision:.3f} "
        f"| {metrics.mean_calibrated_precision:.3f} | {metrics.accuracy:.3f} |",
        flush=True,
    )
    return metrics


def print_labels(
    model: ActionModel, single: FrameMetrics, whole: FrameMetrics, targets: np.ndarray
) -> None:
    """Print the average precision of each label."""
    print(
        "\n| label | test frames | AP, MLP on single frames | AP, head |\n| --- | --- | --- | --- |"
    )
    counts = targets.sum(0).astype(int)
    for number, label in enumerate(model.labels):
        if number:
            pair = single.average_precisions[number], whole.average_precisions[number]
            print(f"| {label} | {counts[number]} | {pair[0]:.3f} | {pair[1]:.3f} |")


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


if __name__ == "__main__":
    main()
