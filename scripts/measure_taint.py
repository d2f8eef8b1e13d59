"""Counts how many visibly wrong pictures of damaged video carry the flag ``tainted``.

    python scripts/measure_taint.py VIDEO

The video is encoded anew with each codec (25 frames a key frame), a share of its packets is damaged
or taken out, and the result is read as a user would. A picture is visibly wrong if it differs from
the picture of the undamaged file by more than 2 of 256 grey levels on average.
"""

import argparse
import random
import tempfile
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from fault_lab.damage import flip_bits
from numpy.typing import NDArray

from vidcache import open_source

_WRONG = 2.0
_GOP = 25
_RATE = 25


@dataclass(frozen=True)
class Codec:
    """One way to encode the video."""

    name: str
    encoder: str
    options: dict[str, str]
    num_b_frames: int = 0
    pixel_format: str = "yuv420p"


CODECS = (
    Codec("H.264", "libx264", {"preset": "fast"}, num_b_frames=2),
    Codec("H.264, no B", "libx264", {"preset": "fast", "tune": "zerolatency"}),
    Codec(
        "HEVC",
        "libx265",
        {"preset": "ultrafast", "x265-params": "log-level=none:keyint=25"},
        num_b_frames=2,
    ),
    Codec(
        "HEVC, checksums",
        "libx265",
        {"preset": "ultrafast", "x265-params": "log-level=none:keyint=25:hash=1"},
        num_b_frames=2,
    ),
    Codec("VP9", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
    Codec("MJPEG", "mjpeg", {"qmin": "3", "qmax": "3"}, pixel_format="yuvj420p"),
)


def main() -> None:
    """Reads the command line and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("video", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--share", type=float, default=0.03, help="share of the packets")
    parser.add_argument("--width", type=int, default=384)
    arguments = parser.parse_args()
    print("| codec | damage | pictures | lost | wrong | of these not tainted | tainted in vain |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for codec in CODECS:
            clean = Path(folder) / "clean.mkv"
            encode(arguments.video, clean, codec, arguments.frames, arguments.width)
            truth = read(clean)
            if any(tainted for _, tainted in truth.values()):
                raise SystemExit(f"{codec.name}: pictures of the undamaged file are tainted")
            for kind in ("flip", "lose"):
                counts: Counter[str] = Counter()
                for seed in range(arguments.seeds):
                    broken = Path(folder) / "broken.mkv"
                    damage(clean, broken, kind, arguments.share, random.Random(seed))
                    counts += compare(truth, read(broken))
                show(codec, kind, counts)


def encode(video: Path, target: Path, codec: Codec, num_frames: int, width: int) -> None:
    """Encodes the beginning of a video."""
    with av.open(str(video)) as source, av.open(str(target), "w") as container:
        shown = source.streams.video[0]
        height = round(width * shown.height / shown.width / 2) * 2
        stream: Any = container.add_stream(codec.encoder, rate=_RATE, options=codec.options)
        stream.width, stream.height, stream.pix_fmt = width, height, codec.pixel_format
        stream.codec_context.gop_size = _GOP
        stream.codec_context.max_b_frames = codec.num_b_frames
        for index, picture in enumerate(source.decode(video=0)):
            if index == num_frames:
                break
            frame = picture.reformat(width, height, codec.pixel_format)
            frame.pts, frame.time_base = index, Fraction(1, _RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def damage(
    clean: Path, target: Path, kind: Literal["flip", "lose"], share: float, rng: random.Random
) -> None:
    """Copies a video and damages some of its packets; never the first, which none could replace."""
    with av.open(str(clean)) as source, av.open(str(target), "w") as container:
        stream = source.streams.video[0]
        copy: Any = container.add_stream_from_template(stream)
        for number, packet in enumerate(source.demux(stream)):
            if not packet.size:
                continue
            hit = number > 0 and rng.random() < share
            if hit and kind == "lose":
                continue
            data = flip_bits(bytes(packet), rng.randint(1, 16), rng) if hit else bytes(packet)
            written = av.Packet(data)
            written.pts, written.dts, written.time_base = packet.pts, packet.dts, packet.time_base
            written.is_keyframe, written.stream = packet.is_keyframe, copy
            container.mux(written)


def read(video: Path) -> dict[int, tuple[NDArray[np.uint8], bool]]:
    """Every picture by the number of its time, and whether it is tainted."""
    with open_source(video) as source:
        return {
            round(frame.pts_seconds * _RATE): (frame.image_rgb, "tainted" in frame.flags)
            for frame in source
        }


def compare(
    truth: dict[int, tuple[NDArray[np.uint8], bool]],
    found: dict[int, tuple[NDArray[np.uint8], bool]],
) -> Counter[str]:
    """Counts pictures by what became of them."""
    counts: Counter[str] = Counter(pictures=len(truth), lost=len(truth.keys() - found.keys()))
    for number in truth.keys() & found.keys():
        image, tainted = found[number]
        difference = np.abs(image.astype(np.int16) - truth[number][0]).mean()
        if difference > _WRONG:
            counts["wrong"] += 1
            counts["missed"] += not tainted
        else:
            counts["vain"] += tainted
    return counts


def show(codec: Codec, kind: str, counts: Counter[str]) -> None:
    """Prints one row of the table."""
    what = {"flip": "bits flipped", "lose": "packets lost"}[kind]
    share = counts["missed"] / max(1, counts["wrong"])
    print(
        f"| {codec.name} | {what} | {counts['pictures']} | {counts['lost']} | {counts['wrong']} | "
        f"{counts['missed']} ({share:.1%}) | {counts['vain']} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
