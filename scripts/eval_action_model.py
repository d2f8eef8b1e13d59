"""Prints how good the action model is on the held-out synthetic streams, and what its head adds.

    python scripts/eval_action_model.py --model tiny

The rivals of the head see the same frozen features of single frames. Everything is seeded.
"""

import argparse
import time

import torch

from vidcache.model import ActionModel
from vidcache.training.calibration import calibration_error
from vidcache.training.encoded_streams import StreamSettings, encode_streams, stream_predictions
from vidcache.training.frame_classifier import train_frame_classifier
from vidcache.training.metrics import FrameMetrics, frame_metrics

# Far from the seeds of the training, whose streams these never repeat.
TRAIN_SEED, TEST_SEED = 500_000_000, 0


def main() -> None:
    """Draw and encode the streams, train the rivals, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="tiny", help="a bundled model or a file")
    parser.add_argument("--streams", type=int, default=128, help="test streams of 64 frames")
    parser.add_argument("--train-streams", type=int, default=400, help="for the rivals")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    model = ActionModel.load(options.model)
    test_settings = StreamSettings("test", options.streams, first_seed=TEST_SEED)
    test = encode_streams(model.encoder, test_settings, num_workers=options.workers)
    train_settings = StreamSettings(
        "train", options.train_streams, num_frames=40, first_seed=TRAIN_SEED
    )
    train = encode_streams(model.encoder, train_settings, num_workers=options.workers)
    targets = test.targets.flatten(0, 1)
    rows: list[tuple[str, FrameMetrics]] = []
    shown = train.targets.flatten(0, 1)
    shares = shown / shown.sum(-1, keepdim=True)
    for name, hidden in (("linear", 0), ("MLP", 256)):
        rival = train_frame_classifier(train.features.flatten(0, 1), shares, hidden=hidden)
        with torch.inference_mode():
            scores = rival(test.features.flatten(0, 1).float()).softmax(-1)
        rows.append(
            (f"no temporal head: {name} on all tokens", judge(scores, targets)),
        )
    passes = stream_predictions(model.head, test).flatten(1, 2) / model.temperature
    for number, logits in enumerate(passes, 1):
        name = f"head, {number} of {len(passes)} iterations"
        rows.append((name, judge(logits.softmax(-1), targets)))
    print(f"{options.streams} test streams, {len(targets)} frames, streamed frame by frame\n")
    print_table(rows)
    print_labels(model, rows[1][1], rows[-1][1], targets)
    print_scores(model, passes[-1].softmax(-1), targets)
    print(f"\n{time.monotonic() - began:.0f} s")


def judge(scores: torch.Tensor, targets: torch.Tensor) -> FrameMetrics:
    """Return the metrics of scores (n, K)."""
    return frame_metrics(scores.float().numpy(), targets.numpy())


def print_table(rows: list[tuple[str, FrameMetrics]]) -> None:
    """Print one line for each way of scoring."""
    print("| scored by | mAP | calibrated mAP | accuracy |\n| --- | --- | --- | --- |")
    for name, metrics in rows:
        print(
            f"| {name} | {metrics.mean_average_precision:.3f} "
            f"| {metrics.mean_calibrated_precision:.3f} | {metrics.accuracy:.3f} |"
        )


def print_labels(
    model: ActionModel, single: FrameMetrics, whole: FrameMetrics, targets: torch.Tensor
) -> None:
    """Print the average precision of each label."""
    print(
        "\n| label | test frames | AP, MLP on single frames | AP, head |\n| --- | --- | --- | --- |"
    )
    counts = targets.sum(0).int().tolist()
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
        f"(temperature {model.temperature:.2f}). "
        f"Shown above the threshold {model.threshold:.2f}: {sure.float().mean():.0%} of frames, "
        f"{right[sure].float().mean():.0%} of them right; "
        f"the rest is shown as unsure."
    )


if __name__ == "__main__":
    main()
