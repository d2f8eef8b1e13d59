"""What sinks are fed with in tests."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from vidcache.frames import ActionScore, Frame, FrameResult, Track

HEADER = {
    "source": "camera.mp4",
    "labels": ["nobody", "walk"],
    "size": [64, 48],
    "frame_rate": 25.0,
}


def make_frame(index: int, pts_seconds: float | None = None, size=(64, 48), seed=None) -> Frame:
    """A plain picture, or one of noise (``seed``) that takes room when it is encoded."""
    shape = (size[1], size[0], 3)
    image = np.full(shape, index * 5 % 250, np.uint8)
    if seed is not None:
        image = np.random.default_rng(seed + index).integers(0, 255, shape, dtype=np.uint8)
    return Frame(image, index, index / 25 if pts_seconds is None else pts_seconds)


def make_track(number: int, label: str = "person", left: float = 2.0) -> Track:
    return Track(number, label, 0.75, (left, 4.0, left + 10.5, 24.0))


def make_result(index: int, pts_seconds: float | None = None, **fields) -> FrameResult:
    values = {
        "action": "walk",
        "actions": (ActionScore("walk", 0.9), ActionScore("nobody", 0.1)),
        **fields,
    }
    return FrameResult(index, index / 25 if pts_seconds is None else pts_seconds, **values)


def feed(sink, results, *, header=HEADER, end=None) -> None:
    """Open a sink, give it results with plain pictures, and close it."""
    with sink:
        sink.open(dict(header))
        for result in results:
            sink.write(make_frame(result.index, result.pts_seconds), result)
        sink.close({"frames": 0} if end is None else end)


def run_under_file_limit(program: str, limit: int, path: Path, kind: str):
    """Run a program in which no file may grow beyond a limit that the system enforces.

    That is a real failure to write, after which another file can be written. The program finds
    the path in ``sys.argv[1]``, and ``live`` or ``file`` in ``sys.argv[2]``.
    """
    begin = (
        "import resource, sys, time\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from sink_input import HEADER, make_frame, make_result\n"
        "from vidcache.errors import SinkError\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
    )
    return subprocess.run(
        [sys.executable, "-c", begin + program, str(path), kind],
        capture_output=True,
        text=True,
        timeout=120,
    )
