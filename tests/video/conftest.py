"""Real media, made when the test runs."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def picture(index: int, size: tuple[int, int] = (128, 96)) -> Image:
    """Four differently coloured quarters, so that every turn and flip shows, and a moving bar."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = (200, 40, 40)
    image[: height // 2, width // 2 :] = (40, 200, 40)
    image[height // 2 :, : width // 2] = (40, 40, 200)
    image[height // 2 :, width // 2 :] = (200, 200, 200)
    left = index * 3 % width
    image[height // 4 : height // 2, left : left + 6] = 255
    return image


def write_video(
    path: Path,
    *,
    num_frames: int = 20,
    rate: int = 25,
    size: tuple[int, int] = (128, 96),
    times: Sequence[float] | None = None,
    codec: str = "libx264",
    container_format: str | None = None,
    container_options: dict[str, str] | None = None,
    gop: int = 10,
    rotation: float | None = None,
    flip: bool = False,
) -> Path:
    """Encode a video; ``times`` are the presentation times in seconds."""
    with av.open(
        str(path), "w", format=container_format, options=container_options or {}
    ) as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000 if times is not None else rate)
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = 0
        if rotation is not None or flip:
            stream.set_display_rotation(rotation or 0, hflip=flip)
        for index in range(num_frames):
            frame = av.VideoFrame.from_ndarray(picture(index, size), format="rgb24")
            frame.pts = index if times is None else round(times[index] * 1000)
            frame.time_base = stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """One second of silence, without a picture."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=16000)
        for index in range(16):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate = 16000
            frame.pts = index * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Make a video in the test's folder: ``make_video("name.mp4", num_frames=…)``."""
    return lambda name, **settings: write_video(tmp_path / name, **settings)


@pytest.fixture
def make_sound(tmp_path: Path) -> Callable[[str], Path]:
    """Make a sound file in the test's folder."""
    return lambda name: write_sound(tmp_path / name)


@pytest.fixture
def make_picture() -> Callable[..., Image]:
    """Make one picture: ``make_picture(index, size)``."""
    return picture
