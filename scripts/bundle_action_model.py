"""Turns a finished training into the bundled model: calibrates it and writes one file.

python scripts/bundle_action_model.py --run runs/actions --out FILE
"""

import argparse
from pathlib import Path

import torch
from train_action_model import build_encoder, build_head

from vidcache.model import ActionModel, ActionModelConfig
from vidcache.training.learning.calibration import choose_threshold, fit_temperature
from vidcache.training.metrics import frame_metrics
from vidcache.training.pretraining.action_trainer import averaged_weights
from vidcache.training.pretraining.encoded_streams import (
    StreamSettings,
    encode_streams,
    stream_predictions,
)
from vidcache.training.synthetic import LABELS


def main() -> None:
    """Calibrate on the validation split and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--streams", type=int, default=64, help="validation streams of 64 frames")
    parser.add_argument("--precision", type=float, default=0.8, help="wanted above the threshold")
    parser.add_argument("--threshold", type=float, help="instead of choosing one")
    options = parser.parse_args()
    encoder, head = build_encoder(), build_head()
    weights = averaged_weights(options.run / "checkpoint.pt")
    encoder.load_state_dict(weights["encoder"])
    head.load_state_dict(weights["head"])
    encoder.eval()
    head.eval()
    streams = encode_streams(encoder, StreamSettings("validation", options.streams))
    logits = stream_predictions(head, streams)[-1].flatten(0, 1)
    targets = streams.targets.flatten(0, 1)
    temperature = fit_temperature(logits, targets / targets.sum(-1, keepdim=True))
    scores = (logits / temperature).softmax(-1)
    threshold = options.threshold
    if threshold is None:
        threshold = choose_threshold(scores, targets, precision=options.precision)
    metrics = frame_metrics(scores.numpy(), targets.numpy())
    config = ActionModelConfig(
        encoder=encoder.name,
        labels=LABELS,
        head=head.config,
        image_size=encoder.image_size,
        num_tokens=encoder.num_tokens,
        fit="stretch",
        model_args=encoder.model_args,
        temperature=round(temperature, 4),
        threshold=round(threshold, 3),
        about={
            "trained on": "synthetic video of capsule figures only, see the model card",
            "validation mAP": round(metrics.mean_average_precision, 3),
            "validation accuracy": round(metrics.accuracy, 3),
        },
    )
    model = ActionModel(config)
    model.encoder.load_state_dict(encoder.state_dict())
    model.head.load_state_dict(head.state_dict())
    options.out.parent.mkdir(parents=True, exist_ok=True)
    model.save(options.out, dtype=torch.float16)
    print(
        f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB, temperature {temperature:.2f}, "
        f"threshold {threshold:.2f}, validation mAP {metrics.mean_average_precision:.3f}, "
        f"accuracy {metrics.accuracy:.3f}"
    )


if __name__ == "__main__":
    main()
