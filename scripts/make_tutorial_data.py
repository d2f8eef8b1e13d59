"""Makes the data set of the tutorial: six actions, five short clips of each, and a test.

    python scripts/make_tutorial_data.py --out tutorial

It writes ``data.yaml``, ``segments.csv`` and ``videos/``, and beside them ``camera.mp4``, in which
somebody does all of it: what a camera might see. Test clips and camera show other people, clothes
and rooms than the clips for training. Needs the packages av and pybullet.
"""

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np

from vidcache.training.synthetic import SPLITS, SyntheticStream
from vidcache.training.synthetic.stream import VISIBLE
from vidcache.video.sinks.mp4_writer import Mp4Writer

ACTIONS = ("walk", "run", "wave", "jumping jacks", "crouch", "crawl")
CLIPS = {"train": 5, "test": 2}
SIZE = (320, 180)
FRAME_RATE = 12.5
CLIP_SECONDS = 4.8
CAMERA_SECONDS = 25.0

# A camera at eye level in rooms, as somebody has who teaches it what to look for. The people of the
# test are of another build, wear other colours and move in another way.
_ROOMS = replace(
    SPLITS["train"],
    number=4,
    camera_heights=((1.2, 1.6),),
    camera_distances=(4.0, 6.0),
    figure_heights=(0.6, 0.8),
    backgrounds=("plain", "room"),
)
_OTHER_PEOPLE = ("number", "statures", "limbs", "thickness", "hues", "tempo")
_TEST = {name: getattr(SPLITS["test"], name) for name in _OTHER_PEOPLE}
SCENES = {"train": _ROOMS, "test": replace(_ROOMS, **{**_TEST, "number": 5})}

DATA_YAML = """\
# Six actions of synthetic figures. Who only stands there does nothing: that is the background.
videos: videos
annotations: segments.csv
background: nothing
"""

Segment = tuple[float, float, str]


def segments_of(shown: Sequence[str | None], frame_rate: float) -> Iterator[Segment]:
    """Yields the stretches of frames that show one action: start, end (seconds) and label."""
    first = 0
    for label, run in groupby(shown):
        end = first + len(list(run))
        if label is not None:
            yield first / frame_rate, end / frame_rate, label
        first = end


def film(path: Path, stream: SyntheticStream) -> list[Segment]:
    """Writes a stream as a video, and returns what it shows."""
    shown: list[str | None] = []
    with Mp4Writer(path, stream.size, stream.frame_rate, crf=28, preset="slow") as writer:
        for frame in stream:
            writer.write(frame.image_rgb, frame.seconds)
            seen = [figure.label for figure in frame.figures if figure.visibility >= VISIBLE]
            shown.append(seen[0] if seen and seen[0] in ACTIONS else None)
    return list(segments_of(shown, stream.frame_rate))


def stream_of(script: Sequence[str], split: str, seed: int, seconds: float) -> SyntheticStream:
    """Returns a stream in which one figure does these things one after the other."""
    return SyntheticStream(
        seed,
        SCENES[split],
        size=SIZE,
        frame_rate=FRAME_RATE,
        num_frames=round(seconds * FRAME_RATE),
        num_figures=1,
        scripts=(tuple(script),),
    )


def clip_scripts(actions: Sequence[str], count: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields names of clips with what they show: an action, and standing before or after it."""
    for action in actions:
        for number in range(1, count + 1):
            # Standing takes up to 3 seconds: of what begins at once more is seen.
            script = ("stand", action, "stand") if number % 2 else (action, "stand", action)
            yield f"{action.replace(' ', '_')}_{number}.mp4", script


def make_data(
    out: Path,
    seed: int = 1,
    *,
    actions: Sequence[str] = ACTIONS,
    clips: Mapping[str, int] = CLIPS,
    seconds: float = CLIP_SECONDS,
) -> None:
    """Writes a data set.

    Args:
        out: The folder.
        seed: Another one shows other scenes.
        actions: What is to be learnt.
        clips: How many clips show each action, by split.
        seconds: Length of a clip.
    """
    videos = out / "videos"
    videos.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    with (out / "segments.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["video", "start", "end", "label", "split"])
        for split, count in clips.items():
            for name, script in clip_scripts(actions, count):
                stream = stream_of(script, split, int(rng.integers(1 << 31)), seconds)
                path = videos / f"{split}_{name}"
                for start, end, label in film(path, stream):
                    table.writerow([path.name, f"{start:.2f}", f"{end:.2f}", label, split])
    (out / "data.yaml").write_text(DATA_YAML)


def main() -> None:
    """Reads the arguments and writes the data set and the camera's video."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder")
    parser.add_argument("--seed", type=int, default=1, help="another seed shows other scenes")
    parser.add_argument("--clips", type=int, default=CLIPS["train"], help="clips an action")
    options = parser.parse_args()
    make_data(options.out, options.seed, clips={**CLIPS, "train": options.clips})
    camera = stream_of(("stand", *ACTIONS, "stand"), "test", options.seed, CAMERA_SECONDS)
    film(options.out / "camera.mp4", camera)
    files = [path for path in options.out.rglob("*") if path.is_file()]
    total = sum(path.stat().st_size for path in files)
    print(f"{options.out}: {sum(p.suffix == '.mp4' for p in files)} videos, {total / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
