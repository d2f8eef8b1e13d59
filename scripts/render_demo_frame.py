"""Makes the README's picture: one frame of the demo's annotated video.

vidcache demo
python scripts/render_demo_frame.py --seconds 14.6
"""

import argparse
from pathlib import Path

import av

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "sample_videos" / "demo_frame.png"


def frame_at(video: Path, seconds: float) -> av.VideoFrame:
    """The last frame that begins at or before ``seconds``."""
    found: av.VideoFrame | None = None
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            if found is not None and frame.time > seconds:
                break
            found = frame
    if found is None:
        raise SystemExit(f"{video} has no frames")
    return found


def main() -> None:
    """Reads the arguments and writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path, default=ROOT / "vidcache_demo" / "demo.mp4")
    parser.add_argument("--seconds", type=float, default=14.6)
    parser.add_argument("--out", type=Path, default=PICTURE)
    args = parser.parse_args()
    frame = frame_at(args.video, args.seconds)
    picture = frame.reformat(format="rgb24")
    with av.open(str(args.out), "w", format="image2", options={"update": "1"}) as output:
        stream = output.add_stream("png")
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "rgb24"
        picture.pts = None
        output.mux(stream.encode(picture))
        output.mux(stream.encode())
    print(f"{args.out}: {picture.width}x{picture.height}, {args.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
