# pyright: basic
"""A folder of small videos, some of them bad in every way that files are bad in."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from numpy.typing import NDArray

__all__ = ["BAD_WAYS", "Expected", "make_files", "write_sample"]

Images = NDArray[np.uint8]

_RATE = 12
_SIZE = (256, 192)
_SAMPLE = Path(__file__).parents[2] / "sample_videos" / "actions.mp4"


@dataclass(frozen=True)
class Expected:
    """One file and what must become of it.

    Attributes:
        path: The file.
        way: How it is bad; ``good`` if it is not.
        outcome: ``done``; ``partial``, done and listed as an error; or ``failed``.
        kind: The kind of the error, if one is listed.
        says: A word that the error must say.
    """

    path: Path
    way: str
    outcome: Literal["done", "partial", "failed"] = "done"
    kind: str = ""
    says: str = ""


def make_files(folder: Path, num_files: int, seed: int, *, frames: int = 40) -> list[Expected]:
    """Makes videos, of which `BAD_WAYS` many are bad, each in another way.

    They show pieces of the repository's sample video, so there are people to follow.

    Args:
        folder: Where to; half of them go to a folder in it.
        num_files: How many.
        seed: Which pieces.
        frames: Frames of a video; they vary by a quarter around it.
    """
    rng = random.Random(seed)
    sample = _sample_pictures()
    ways = [*BAD_WAYS, *["good"] * (num_files - len(BAD_WAYS))]
    rng.shuffle(ways)
    expected: list[Expected] = []
    for number, way in enumerate(ways):
        path = folder / ("inner" if number % 2 else ".") / f"{number:03d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        length = max(16, round(frames * rng.uniform(0.75, 1.25)))
        start = rng.randrange(len(sample) - length)
        pictures = sample[start : start + length]
        expected.append(_MAKERS.get(way, _good)(path, pictures))
    return expected


def write_sample(path: Path, num_frames: int, seed: int) -> None:
    """Makes one good video of pieces of the sample.

    Args:
        path: The file.
        num_frames: Its length.
        seed: Where it begins.
    """
    sample = _sample_pictures()
    start = random.Random(seed).randrange(len(sample))
    path.parent.mkdir(parents=True, exist_ok=True)
    _encode(path, [sample[(start + number) % len(sample)] for number in range(num_frames)])


def _sample_pictures() -> list[Images]:
    with av.open(str(_SAMPLE)) as container:
        frames = container.decode(video=0)
        return [
            frame.to_ndarray(format="rgb24", width=_SIZE[0], height=_SIZE[1]) for frame in frames
        ]


def _encode(path: Path, pictures: list[Images], *, first: int = 0, **options: Any) -> None:
    with av.open(str(path), "w", **options) as container:
        stream: Any = container.add_stream("libx264", rate=_RATE)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _RATE)
        stream.codec_context.gop_size = 8
        stream.codec_context.max_b_frames = 0
        stream.options = {"crf": "23", "preset": "ultrafast"}
        for number, picture in enumerate(pictures, first):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, _RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _good(path: Path, pictures: list[Images]) -> Expected:
    _encode(path, pictures)
    return Expected(path, "good")


def _empty(path: Path, pictures: list[Images]) -> Expected:
    path.touch()
    return Expected(path, "empty", "failed", "empty", "empty")


def _cut(path: Path, pictures: list[Images]) -> Expected:
    # The index stands in front, as on the web, so what is there can be read.
    _encode(path, pictures, container_options={"movflags": "faststart"})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    return Expected(path, "cut", "partial", "truncated", "cut off")


def _text(path: Path, pictures: list[Images]) -> Expected:
    path.write_text("This is a shopping list, not a video.\n" * 200)
    return Expected(path, "text", "failed", "unreadable", "not a video")


def _sound(path: Path, pictures: list[Images]) -> Expected:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=16000)
        for number in range(16):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 16000, number * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return Expected(path, "no video stream", "failed", "unreadable", "no video stream")


def _no_frames(path: Path, pictures: list[Images]) -> Expected:
    _encode(path, pictures, container_options={"movflags": "frag_keyframe+empty_moov"})
    content = path.read_bytes()
    # What is left of a recording whose camera never sent a picture.
    path.write_bytes(content[: content.index(b"moof") - 4])
    return Expected(path, "zero frames", "failed", "unreadable", "not one picture")


def _folder(path: Path, pictures: list[Images]) -> Expected:
    path.mkdir()
    (path / "notes.txt").write_text("a folder that is called like a video")
    return Expected(path, "folder named .mp4", "failed", "directory", "folder")


def _forbidden(path: Path, pictures: list[Images]) -> Expected:
    _encode(path, pictures)
    path.chmod(0)
    return Expected(path, "no permission", "failed", "no_permission", "not allowed")


def _two_sizes(path: Path, pictures: list[Images]) -> Expected:
    path = path.with_suffix(".ts")
    half = len(pictures) // 2
    _encode(path, pictures[:half])
    second = path.with_suffix(".second.part")
    _encode(second, [p[:96, :160] for p in pictures[half:]], first=half, format="mpegts")
    path.write_bytes(path.read_bytes() + second.read_bytes())
    second.unlink()
    return Expected(path, "size changing inside")


def _damaged(path: Path, pictures: list[Images]) -> Expected:
    _encode(path, pictures)
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size, p.is_keyframe) for p in container.demux(video=0) if p.size]
    place, size, _ = next(p for p in packets[len(packets) // 3 :] if not p[2] and p[1] > 64)
    content[place + 12 : place + size] = random.Random(place).randbytes(size - 12)
    path.write_bytes(content)
    return Expected(path, "damaged in the middle")


def _wrong_ending(path: Path, pictures: list[Images]) -> Expected:
    path = path.with_suffix(".avi")
    _encode(path, pictures, format="mp4")
    return Expected(path, "wrong ending")


_MAKERS: dict[str, Callable[[Path, list[Images]], Expected]] = {
    "empty": _empty,
    "cut": _cut,
    "text": _text,
    "no video stream": _sound,
    "zero frames": _no_frames,
    "folder named .mp4": _folder,
    "no permission": _forbidden,
    "size changing inside": _two_sizes,
    "damaged in the middle": _damaged,
    "wrong ending": _wrong_ending,
}
BAD_WAYS = tuple(_MAKERS)
"""The ways in which files are bad."""
