# pyright: basic
"""What a camera shows: a test picture in motion, as a file that an RTSP server can serve."""

from pathlib import Path
from typing import Any

import av

__all__ = ["write_clip"]


def write_clip(
    path: Path,
    *,
    seconds: float = 8.0,
    rate: int = 25,
    size: tuple[int, int] = (320, 240),
    gop: int = 25,
    codec: str = "libx264",
) -> Path:
    """Write a clip whose every picture differs from every other one.

    Args:
        path: The file to write.
        seconds: Its length.
        rate: Frames a second.
        size: Width and height in pixels.
        gop: A key frame every so many frames, and none else.
        codec: Encoder. No B-frames: cameras send none.
    """
    graph = f"testsrc2=size={size[0]}x{size[1]}:rate={rate}:duration={seconds}"
    with av.open(graph, format="lavfi") as scene, av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = 0
        if codec == "libx264":
            stream.options = {"preset": "veryfast", "sc_threshold": "0"}
        for picture in scene.decode(video=0):
            frame = picture.reformat(format="yuv420p")
            frame.pict_type = 0
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
