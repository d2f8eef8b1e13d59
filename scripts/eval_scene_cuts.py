"""Counts how many hard cuts are found, and what else is taken for one.

Real videos are read as they are and with frames left out, as by a slow camera; pairs of them are
joined; and disturbances that are no cuts are laid over each of them.

    python scripts/eval_scene_cuts.py ../shared/assets/videos
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, permutations
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vidcache.video import SceneCutDetector, open_source

Image = NDArray[np.uint8]

# First frames of new scenes in the videos, found by eye; the others have none.
CUTS = {"bikes": (30, 76, 137, 187, 242)}
SIZE = (1280, 720)
STEPS = (1, 2, 3, 5)


def read_scenes(folder: Path) -> dict[str, list[Image]]:
    """The pictures of every scene of every video, all 16:9."""
    scenes: dict[str, list[Image]] = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix in {".mp4", ".avi"}):
        with open_source(path, max_size=640) as source:
            pictures = [_fit(frame.image_rgb) for frame in source]
        starts = (0, *CUTS.get(path.stem, ()), len(pictures))
        for number, (begin, end) in enumerate(pairwise(starts)):
            scenes[f"{path.stem} {number}"] = pictures[begin:end]
    return scenes


def _fit(image: Image) -> Image:
    height, width = image.shape[:2]
    crop_width, crop_height = min(width, height * 16 // 9), min(height, width * 9 // 16)
    left, top = (width - crop_width) // 2, (height - crop_height) // 2
    crop = image[top : top + crop_height, left : left + crop_width]
    return cv2.resize(crop, (320, 180), interpolation=cv2.INTER_AREA)


def _scaled(image: Image, factor: float, by: float = 0.0) -> Image:
    return np.clip(image * factor + by, 0, 255).astype(np.uint8)


def _noisy(image: Image, rng: np.random.Generator, deviation: float) -> Image:
    return np.clip(image + rng.normal(0, deviation, image.shape), 0, 255).astype(np.uint8)


def _panned(image: Image, pixels: int) -> list[Image]:
    height, width = image.shape[0] * 55 // 100, image.shape[1] * 55 // 100
    lefts = range(0, image.shape[1] - width + 1, pixels)
    return [image[40 : 40 + height, left : left + width] for left in lefts]


def _zoomed(image: Image, factor: float) -> list[Image]:
    height, width = image.shape[:2]
    views: list[Image] = []
    for power in range(6):
        scale = factor**-power
        h, w = round(height * scale), round(width * scale)
        top, left = (height - h) // 2, (width - w) // 2
        views.append(cv2.resize(image[top : top + h, left : left + w], (width, height)))
    return views


def _covered(image: Image, other: Image, share: float) -> Image:
    height, width = (round(length * share**0.5) for length in image.shape[:2])
    image = image.copy()
    image[-height:, :width] = other[-height:, :width]
    return image


def disturbances(
    pictures: Sequence[Image], other: Image, rng: np.random.Generator
) -> Iterator[tuple[str, list[Image]]]:
    """Streams without a cut that look as if they had one."""
    one, two, three = pictures[0], pictures[1], pictures[2]
    for pixels in (4, 16, 32, 48):
        yield "camera turns", _panned(one, pixels)
    for factor in (1.05, 1.15):
        yield "camera zooms", _zoomed(one, factor)
    for factor, by in ((1.5, 0.0), (2.5, 0.0), (1.2, 60.0), (1.2, 120.0), (1.0, 255.0)):
        yield "flash", [one, two, _scaled(three, factor, by), two, one]
    for factor in (0.2, 0.5, 1.5, 2.0):
        yield "light switched", [one, two, _scaled(three, factor), _scaled(two, factor)]
    yield "light fades", [_scaled(one, 0.9**power) for power in range(20)]
    for deviation in (10.0, 25.0):
        yield "noise", [_noisy(one, rng, deviation) for _ in range(4)]
    for share in (0.2, 0.3, 0.4):
        yield "object appears", [one, two, _covered(three, other, share), two]
    grey = np.broadcast_to(one.mean(axis=2, keepdims=True), one.shape).astype(np.uint8)
    yield "night mode", [one, two, _scaled(grey, 0.8, 20.0), grey]
    yield "black frames", [one, two, np.zeros_like(one), np.zeros_like(one), three]


def found_in(pictures: Sequence[Image]) -> list[int]:
    """Where cuts are found."""
    detector = SceneCutDetector()
    return [at for at, image in enumerate(pictures) if detector.update(image) is not None]


def _report(name: str, num_streams: int, num_cuts: int, num_hits: int, num_false: int) -> None:
    print(f"{name:28} {num_streams:7} {num_cuts:5} {num_hits:6} {num_false:6}")


def main() -> None:
    """Prints a table of cuts, finds and false alarms, and what a picture costs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    scenes = read_scenes(parser.parse_args().folder)
    rng = np.random.default_rng(0)
    print(f"{'':28} {'streams':>7} {'cuts':>5} {'found':>6} {'false':>6}")
    for step in STEPS:
        _report(f"one frame in {step}", len(scenes), *_count_kept(scenes, step))
    names = list(permutations(scenes, 2))
    changes: dict[str, Callable[[Image], Image]] = {
        "joined": lambda image: image,
        "joined, noise": lambda image: _noisy(image, rng, 20.0),
        "joined, dark": lambda image: _scaled(image, 0.3),
    }
    for kind, change in changes.items():
        hits = false = 0
        for one, other in names:
            before, after = scenes[one], scenes[other]
            at, start = rng.integers(2, len(before) - 1), rng.integers(len(after) - 2)
            stream = [*before[at - 2 : at + 1], *after[start : start + 2]]
            found = found_in([change(image) for image in stream])
            hits, false = hits + (3 in found), false + len(set(found) - {3})
        _report(kind, len(names), len(names), hits, false)
    totals: dict[str, tuple[int, int]] = {}
    for name, pictures in scenes.items():
        other = scenes[next(key for key in scenes if key.split()[0] != name.split()[0])][0]
        for kind, stream in disturbances(pictures, other, rng):
            streams, false = totals.get(kind, (0, 0))
            totals[kind] = streams + 1, false + len(found_in(stream))
    for kind, (streams, false) in totals.items():
        _report(kind, streams, 0, 0, false)
    _time(scenes)


def _count_kept(scenes: dict[str, list[Image]], step: int) -> tuple[int, int, int]:
    """Cuts, finds and false alarms in the videos as they are, with frames left out."""
    videos: dict[str, list[tuple[str, Image]]] = {}
    for name, pictures in scenes.items():
        videos.setdefault(name.split()[0], []).extend((name, image) for image in pictures)
    cuts = hits = false = 0
    for frames in videos.values():
        kept = frames[::step]
        pairs = enumerate(pairwise(kept), 1)
        expected = {at for at, (before, now) in pairs if before[0] != now[0]}
        found = set(found_in([image for _, image in kept]))
        cuts += len(expected)
        hits, false = hits + len(found & expected), false + len(found - expected)
    return cuts, hits, false


def _time(scenes: dict[str, list[Image]]) -> None:
    pictures = [cv2.resize(image, SIZE) for images in scenes.values() for image in images[:20]]
    detector = SceneCutDetector()
    start = time.thread_time()
    for image in pictures:
        detector.update(image)
    mean = (time.thread_time() - start) / len(pictures)
    print(f"{1e3 * mean:.2f} ms of one thread for a picture of {SIZE[0]}x{SIZE[1]}")


if __name__ == "__main__":
    main()
