"""Renders the sample video that `vidcache demo` runs on.

    python scripts/render_sample_video.py

The scene has a split of its own: no training, validation or test stream is like it.
"""

import argparse
from pathlib import Path

from vidcache.training.synthetic import Split, SyntheticStream
from vidcache.training.synthetic.performance import Tempo
from vidcache.video.sinks.mp4_writer import Mp4Writer

SCENE = Split(
    number=3,
    camera_heights=((1.3, 1.6),),
    camera_distances=(9.0, 10.0),
    figure_heights=(0.56, 0.6),
    statures=((0.95, 1.05),),
    limbs=(0.97, 1.03),
    thickness=((0.95, 1.1),),
    hues=(0, 2, 4, 7, 8, 10),
    backgrounds=("room",),
    tempo=Tempo(speed=(0.95, 1.05), size=(0.97, 1.03), noise=(0.02, 0.05)),
)

SCRIPTS = (
    ("wave", "walk", "jumping jacks", "stand", "kick", "walk", "dance", "wave"),
    ("stand", "crouch", "walk", "punch", "lie", "get up", "walk", "jumping jacks"),
)


def main() -> None:
    """Render the video."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("sample_videos/actions.mp4"))
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--frame-rate", type=float, default=25.0)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    stream = SyntheticStream(
        options.seed,
        SCENE,
        size=(640, 360),
        frame_rate=options.frame_rate,
        num_frames=round(options.seconds * options.frame_rate),
        num_figures=len(SCRIPTS),
        scripts=SCRIPTS,
    )
    with Mp4Writer(options.out, stream.size, options.frame_rate, crf=24, preset="slow") as writer:
        for frame in stream:
            writer.write(frame.image_rgb, frame.seconds)
    print(f"{options.out}: {len(stream)} frames, {options.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
