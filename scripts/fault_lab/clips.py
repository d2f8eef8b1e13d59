# pyright: basic
"""What a camera shows, as a file that an RTSP server can serve."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av

__all__ = ["write_clip"]


def write_clip(
    path: Path,
    *,
    showing: Path | None = None,
    seconds: float = 8.0,
    rate: int = 25,
    size: tuple[int, int] = (320, 240),
    gop: int = 25,
    codec: str = "libx264",
) -> Path:
    """Write a clip, without B-frames: cameras send none.

    Args:
        path: The file to write.
        showing: A video whose pictures it shows; by default a test picture that never repeats.
        seconds: Its length; that of the video is the limit.
        rate: Frames a second; one picture of the video after the other, whatever its own rate.
        size: Width and height in pixels.
        gop: A key frame every so many frames, and none else.
        codec: Encoder.
    """
    graph = f"testsrc2=size={size[0]}x{size[1]}:rate={rate}"
    scene = av.open(graph, format="lavfi") if showing is None else av.open(str(showing))
    with scene, av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = 0
        # x264 cuts a picture into as many slices as it has threads: the same file everywhere.
        stream.codec_context.thread_count = 1
        if codec == "libx264":
            stream.options = {"preset": "veryfast", "sc_threshold": "0"}
        for index, picture in enumerate(scene.decode(video=0)):
            if index >= seconds * rate:
                break
            frame = picture.reformat(*size, "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            frame.pict_type = 0
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
