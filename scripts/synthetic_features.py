"""Draws synthetic streams, encodes them, and keeps the features on disk for the next scripts.

    python scripts/synthetic_features.py --folder runs/features --dino FILE --train 400

Streams that are there already are passed over, so a run can be stopped and started again.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vidcache.encoder import FrameEncoder
from vidcache.encoder.features import FeatureStore, StoredFeatures, hash_frame
from vidcache.model import ActionModel
from vidcache.training.encoded_video import EncodedVideo
from vidcache.training.pretraining.encoded_streams import StreamSettings, draw_stream
from vidcache.video.drawing import use_one_thread

DINO, DINO_SIZE, NUM_TOKENS = "vit_small_patch14_dinov2", (112, 168), 17
STREAMS = {
    # Slow streams tell more in as many frames; validation and test are as a camera sees them.
    "train": StreamSettings("train", 400, 40, (6.0, 20.0), first_seed=900_000_000),
    "validation": StreamSettings("validation", 48, 64),
    "test": StreamSettings("test", 64, 64),
}
_DIGEST, _BATCH = 20, 16


def dino_encoder(weights: str | Path) -> FrameEncoder:
    """Return the frozen encoder of the model ``small``."""
    return FrameEncoder(
        DINO, weights, image_size=DINO_SIZE, num_tokens=NUM_TOKENS, precision="bf16", fit="stretch"
    )


def encode_stream(
    folder: Path,
    split: str,
    number: int,
    encoders: list[tuple[FrameEncoder, StoredFeatures[np.float16]]],
) -> int:
    """Draw a stream and encode what is not known of it with each encoder; return its frames."""
    path = _list_path(folder, split, number)
    if path.exists():
        hashes = _read_list(path)[0]
        if all(digest in features for _, features in encoders for digest in hashes):
            return 0
    stream = draw_stream(STREAMS[split], number)
    hashes = [hash_frame(image) for image in stream.images]
    for encoder, features in encoders:
        for start in range(0, len(hashes), _BATCH):
            part = slice(start, start + _BATCH)
            if not all(digest in features for digest in hashes[part]):
                features.put(hashes[part], encoder(stream.images[part]))
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        packed = np.frombuffer(b"".join(hashes), np.uint8)
        np.savez(file, hashes=packed, seconds=stream.seconds, targets=stream.targets)
    unfinished.replace(path)
    return len(hashes)


def read_streams(
    folder: Path, split: str, features: StoredFeatures[np.float16], limit: int | None = None
) -> list[EncodedVideo]:
    """Return the streams of a split that an encoder has encoded, in order of their numbers."""
    videos: list[EncodedVideo] = []
    for path in sorted((folder / "streams" / split).glob("*.npz"))[:limit]:
        hashes, seconds, targets = _read_list(path)
        found = features.read(hashes)
        if found is not None:
            ignore = np.zeros(len(found), bool)
            videos.append(EncodedVideo(f"{split}/{path.stem}", found, seconds, targets, ignore))
    return videos


def _read_list(path: Path) -> tuple[list[bytes], NDArray[np.float64], NDArray[np.float32]]:
    with np.load(path, allow_pickle=False) as arrays:
        packed = arrays["hashes"].tobytes()
        hashes = [packed[start : start + _DIGEST] for start in range(0, len(packed), _DIGEST)]
        return hashes, arrays["seconds"], arrays["targets"]


def _list_path(folder: Path, split: str, number: int) -> Path:
    return folder / "streams" / split / f"{number:06d}.npz"


def main() -> None:
    """Draw and encode."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where features are kept")
    parser.add_argument("--dino", type=Path, help="weights of the ViT of the model small")
    parser.add_argument("--tiny", action="store_true", help="encode with that of tiny as well")
    parser.add_argument("--splits", nargs="+", default=list(STREAMS), choices=list(STREAMS))
    parser.add_argument("--train", type=int, default=STREAMS["train"].num_streams)
    parser.add_argument("--first", type=int, default=0, help="number of the first train stream")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    use_one_thread()
    store = FeatureStore(options.folder)
    encoders = [dino_encoder(options.dino)] if options.dino else []
    encoders += [ActionModel.load("tiny").encoder] if options.tiny else []
    stores = [(encoder, store.of(encoder)) for encoder in encoders]
    numbers = {split: range(settings.num_streams) for split, settings in STREAMS.items()}
    numbers["train"] = range(options.first, options.train)
    wanted = [(split, number) for split in options.splits for number in numbers[split]]
    began, total = time.monotonic(), 0
    for count, (split, number) in enumerate(wanted, 1):
        total += encode_stream(options.folder, split, number, stores)
        seconds = time.monotonic() - began
        print(
            f"{count}/{len(wanted)} {split} {number}: {total} frames, {seconds:.0f} s", flush=True
        )


if __name__ == "__main__":
    main()
