"""Prints what each storage format costs in accuracy and saves in bytes, on the default model.

    python scripts/eval_storage_formats.py --model tiny

The head runs over the held-out synthetic streams with its cache stored in each format; the table
holds the change of mAP and of the shown label against fp32. A second table holds the error of one
frame's keys, before and after they grow fifty-fold from one frame to the next.
"""

import argparse

import torch

from vidcache.cache.formats import Decoder, format_from_name
from vidcache.model import ActionModel
from vidcache.training.metrics import frame_metrics
from vidcache.training.pretraining.encoded_streams import (
    StreamSettings,
    encode_streams,
    stream_predictions,
)

PAIRS = (
    ("fp32", "fp32"),
    ("bf16", "bf16"),
    ("fp16", "fp16"),
    ("fp8", "fp8"),
    ("int8", "int8"),
    ("int8", "bf16"),
    ("bf16", "int8"),
)


def main() -> None:
    """Encode the streams once, then score them with each pair of formats."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="tiny", help="a bundled model or a file")
    parser.add_argument("--streams", type=int, default=64, help="test streams of 64 frames")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    model = ActionModel.load(options.model)
    settings = StreamSettings("test", options.streams, first_seed=0)
    streams = encode_streams(model.encoder, settings, num_workers=options.workers)
    targets = streams.targets.flatten(0, 1).numpy()
    print(f"{len(targets)} frames of {options.streams} streams\n")
    print("| keys | values | mAP | change | labels changed | largest change of a score | bytes |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    exact_scores, exact_map = None, 0.0
    for key_format, value_format in PAIRS:
        logits = stream_predictions(
            model.head, streams, key_format=key_format, value_format=value_format
        )
        scores = (logits[-1].flatten(0, 1) / model.temperature).softmax(-1)
        precision = frame_metrics(scores.float().numpy(), targets).mean_average_precision
        if exact_scores is None:
            exact_scores, exact_map = scores, precision
        changed = (scores.argmax(-1) != exact_scores.argmax(-1)).float().mean()
        nbytes = model.head.config.predict_nbytes(key_format=key_format, value_format=value_format)
        print(
            f"| {key_format} | {value_format} | {precision:.4f} | {precision - exact_map:+.4f} "
            f"| {changed:.2%} | {(scores - exact_scores).abs().max():.4f} | {nbytes:,} |"
        )
    print_jump()


def print_jump() -> None:
    """Print the relative error of frames' keys around a sudden change of scale."""
    torch.manual_seed(0)
    frames = torch.randn(1, 8, 100 * 4, 64)
    print("\n| format | relative error before | after a 50-fold jump |\n| --- | ---: | ---: |")
    for name in dict.fromkeys(name for pair in PAIRS for name in pair):
        decoder = Decoder(format_from_name(name), torch.float32, (1, 8, 100, 4, 64), frames.device)
        errors = [
            float((decoder.round_trip(keys, num_tokens=4) - keys).abs().max() / keys.abs().max())
            for keys in (frames, 50 * frames)
        ]
        print(f"| {name} | {errors[0]:.1e} | {errors[1]:.1e} |")


if __name__ == "__main__":
    main()
